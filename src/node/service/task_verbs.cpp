// Tasks: status, log, lists, stop.
#include <boost/json.hpp>

#include "node/auth/permissions.h"
#include "node/service/callers.h"
#include "node/service/verbs.h"
#include "node/task/tasks.h"
#include "sys/clock.h"

namespace hlid::node::service {
namespace {

/// The call ends with the task, as a rule.
constexpr std::chrono::seconds kPatienceWithStop{5};

/// "user@realm!token" in two fields, as Proxmox shows a task of a token.
void put_user(json::object& row, const std::string& user) {
  const auto bang = user.find('!');
  row["user"] = user.substr(0, bang);
  if (bang != std::string::npos) row["tokenid"] = user.substr(bang + 1);
}

json::object describe(const task::TaskEntry& entry) {
  json::object row{{"upid", to_string(entry.upid)},
                   {"node", entry.upid.node},
                   {"pid", entry.upid.pid},
                   {"pstart", entry.upid.process_start},
                   {"starttime", entry.upid.start_time},
                   {"type", entry.upid.type},
                   {"id", entry.upid.id}};
  put_user(row, entry.upid.user);
  return row;
}

bool owns(const auth::Identity& who, const wire::Upid& upid) {
  return upid.user == who.user || upid.user == user_of(who) ||
         (who.token.empty() && upid.user.starts_with(who.user + "!"));
}

/// A caller's own tasks, or any with Sys.Audit (Sys.Modify to stop them) on the node.
void require_access(const Parts& parts, const Call& call, const wire::Upid& upid,
                    std::string_view privilege) {
  if (!owns(call.who, upid)) parts.permissions.require(call.who, "/nodes/" + parts.node, {privilege});
}

Answer status(Parts& parts, Call& call) {
  const wire::Upid upid = task::require_upid(call.params.get_or("upid", ""));
  require_access(parts, call, upid, "Sys.Audit");
  const task::TaskEntry entry = parts.tasks.status(upid);
  json::object row = describe(entry);
  row["status"] = entry.running ? "running" : "stopped";
  if (!entry.running) row["exitstatus"] = entry.status;
  return row;
}

Answer log(Parts& parts, Call& call) {
  const wire::Upid upid = task::require_upid(call.params.get_or("upid", ""));
  require_access(parts, call, upid, "Sys.Audit");
  const task::TaskLog log =
      parts.tasks.log(upid, call.params.small("start", 0), call.params.small("limit", 50));
  json::array lines;
  for (const task::LogLine& line : log.lines)
    lines.push_back(json::object{{"n", line.number}, {"t", line.text}});
  if (log.missing && !lines.empty()) return json::value(lines.front());
  Answer answer(std::move(lines));
  answer.total = log.total;
  return answer;
}

Answer stop(Parts& parts, Call& call) {
  const wire::Upid upid = task::require_upid(call.params.get_or("upid", ""));
  require_access(parts, call, upid, "Sys.Modify");
  parts.tasks.stop(upid);
  const auto deadline = parts.clock.now() + kPatienceWithStop;
  while (parts.tasks.status(upid).running && parts.clock.now() < deadline) {
    parts.clock.sleep(std::chrono::milliseconds(20));
  }
  return nullptr;
}

task::TaskFilter filter_of(const Parts& parts, const Call& call) {
  task::TaskFilter filter;
  const Params& params = call.params;
  filter.start = params.small("start", 0);
  filter.limit = params.small("limit", 50);
  const std::string source = params.get_or("source", "archive");
  filter.source = source == "all"      ? task::Source::all
                  : source == "active" ? task::Source::active
                                       : task::Source::archive;
  filter.errors = params.flag("errors");
  filter.vmid = params.get_or("vmid", "");
  filter.type = params.get_or("typefilter", "");
  filter.user = params.get_or("userfilter", "");
  filter.status = params.list("statusfilter");
  if (const auto since = params.integer("since")) filter.since = *since;
  if (const auto until = params.integer("until")) filter.until = *until;
  if (!parts.permissions.has(call.who, "/nodes/" + parts.node, "Sys.Audit")) filter.owner = call.who.user;
  return filter;
}

Answer list(Parts& parts, Call& call) {
  const task::TaskFilter filter = filter_of(parts, call);
  const task::TaskPage page = parts.tasks.list(filter);
  json::array rows;
  for (const task::TaskEntry& entry : page.entries) {
    json::object row = describe(entry);
    row["status"] = entry.running ? "RUNNING" : entry.status;
    if (entry.running) row["saved"] = "0";
    if (!entry.running) row["endtime"] = entry.end_time;
    rows.push_back(std::move(row));
  }
  Answer answer(std::move(rows));
  answer.total = page.total;
  return answer;
}

/// The newest of the cluster: what runs, then what ended.
Answer recent(Parts& parts, Call& call) {
  task::TaskFilter filter;
  filter.source = task::Source::all;
  filter.limit = 25;
  if (!parts.permissions.has(call.who, "/nodes/" + parts.node, "Sys.Audit")) filter.owner = call.who.user;
  json::array rows;
  for (const task::TaskEntry& entry : parts.tasks.list(filter).entries) {
    json::object row{{"upid", to_string(entry.upid)},
                     {"node", entry.upid.node},
                     {"type", entry.upid.type},
                     {"id", entry.upid.id},
                     {"starttime", entry.upid.start_time}};
    put_user(row, entry.upid.user);
    if (entry.running) {
      row["pid"] = entry.upid.pid;
    } else {
      row["status"] = entry.status;
      row["endtime"] = entry.end_time;
      row["saved"] = "1";
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

std::vector<Verb> task_verbs() {
  return {
      {"GET", "/cluster/tasks", Pace::quick, for_users(), recent},
      {"GET", "/nodes/{node}/tasks", Pace::quick, for_users(), list},
      {"GET", "/nodes/{node}/tasks/{upid}/status", Pace::quick, for_users(), status},
      {"GET", "/nodes/{node}/tasks/{upid}/log", Pace::work, for_users(), log},
      {"DELETE", "/nodes/{node}/tasks/{upid}", Pace::work, for_users(), stop},
  };
}

}  // namespace hlid::node::service
