// Six machines of the reference file: instant ones, beside the same six that boot.
#include <fmt/format.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "base/text.h"
#include "node_api.h"
#include "support/lab.h"
#include "sys/files.h"
#include "table.h"

namespace hlid::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Of a process and what it shares, its fair part (proc(5), smaps_rollup).
double proportional_mib(pid_t pid) {
  const auto text = sys::read_file_if_exists(fmt::format("/proc/{}/smaps_rollup", pid)).value_or("");
  const auto at = text.find("\nPss:");
  return at == std::string::npos ? 0 : std::strtod(text.c_str() + at + 5, nullptr) / 1024;
}

double proportional_mib(const test::Lab& lab) {
  double sum = 0;
  for (const pid_t pid : lab.processes_named("qemu-system-x86_64")) sum += proportional_mib(pid);
  return sum;
}

std::string reference(const std::string& os, bool instant) {
  auto text = sys::read_file(std::string(HLID_SOURCE_DIR) + "/examples/valaskjalf.yaml");
  text = replace_all(text, "ubuntu-24.04", os);
  // Neither the cluster nor its console password is measured here.
  for (const char* gone : {"\ncluster: {", ", console_password: "}) {
    const auto at = text.find(gone);
    if (at != std::string::npos) text.erase(at, text.find('}', at) - at + (gone[0] == '\n' ? 1 : 0));
  }
  return instant ? text : text + "instant: false\n";
}

struct Timed {
  bool ok = false;
  double seconds = 0;    ///< from the first clone's begin to the end of `up`
  double itself = 0;     ///< to the last machine's answer as itself
  double logged_in = 0;  ///< to the end of a login from one to another by name; 0: it did not come about
  std::string trouble;
};

const std::map<int, std::string>& machines() {
  static const std::map<int, std::string> all{{1001, "valaskjalf-master-1"}, {1002, "valaskjalf-master-2"},
                                              {1003, "valaskjalf-master-3"}, {1011, "valaskjalf-worker-1"},
                                              {1012, "valaskjalf-worker-2"}, {1013, "valaskjalf-worker-3"}};
  return all;
}

std::string agent_path(int vmid, const std::string& verb) {
  return fmt::format("/nodes/asgard/qemu/{}/agent/{}", vmid, verb);
}

/// False when they do not within a minute. A machine's agent is behind the API only once the machine is
/// itself.
bool wait_until_themselves(test::NodeApi& api) {
  std::set<int> left;
  for (const auto& [vmid, name] : machines()) left.insert(vmid);
  for (const auto until = Clock::now() + 1min; !left.empty() && Clock::now() < until;) {
    std::erase_if(left, [&api](int vmid) {
      const auto answer = api.send("GET", agent_path(vmid, "get-host-name"));
      return answer.status == 200 && contains(answer.body, "\"" + machines().at(vmid) + "\"");
    });
    std::this_thread::sleep_for(200ms);
  }
  return left.empty();
}

/// Begins a program in a machine; its number, or 0.
std::int64_t begin_inside(test::NodeApi& api, int vmid, const std::string& script, const std::string& input) {
  const auto answer =
      api.send("POST", agent_path(vmid, "exec"),
               {{"command", "sh"}, {"command", "-c"}, {"command", script}, {"input-data", input}});
  if (answer.status != 200) return 0;
  const auto body = parse_json(answer.body, "exec").as_object();
  return get_integer(body.at("data").as_object(), "pid").value_or(0);
}

/// How it ended; nullopt: it has not, or does not answer.
std::optional<json::object> ended_inside(test::NodeApi& api, int vmid, std::int64_t pid) {
  const auto answer = api.send("GET", agent_path(vmid, "exec-status"), {{"pid", std::to_string(pid)}});
  if (answer.status != 200) return std::nullopt;
  const auto data = parse_json(answer.body, "exec-status").as_object().at("data").as_object();
  return get_bool(data, "exited").value_or(false) ? std::optional(data) : std::nullopt;
}

/// A login from the first master to the last worker by name, tried until it succeeds.
bool log_in_by_name(test::NodeApi& api, const test::Lab& lab) {
  const auto key = sys::read_file(lab.home().parent_path() / "user/.ssh/id_ed25519");
  const char* const script =
      "umask 077; cat > /run/bench-key; exec ssh -i /run/bench-key -p 2222 -o StrictHostKeyChecking=no"
      " -o UserKnownHostsFile=/dev/null -o BatchMode=yes odin@valaskjalf-worker-3 hostname";
  for (const auto until = Clock::now() + 1min; Clock::now() < until; std::this_thread::sleep_for(200ms)) {
    const auto pid = begin_inside(api, 1001, script, key);
    std::optional<json::object> end;
    while (pid != 0 && !end && Clock::now() < until) {
      std::this_thread::sleep_for(200ms);
      end = ended_inside(api, 1001, pid);
    }
    if (end && trim(get_string(*end, "out-data").value_or("")) == "valaskjalf-worker-3") return true;
  }
  return false;
}

/// What it looks at while `up` is under way; the begin is that of the first clone.
using Look = std::function<void(Timed&, Clock::time_point begin)>;

/// Runs `up` and reads its events as they come.
Timed timed_up(test::Lab& lab, const std::string& file, std::chrono::minutes patience,
               const Look& look = {}) {
  auto up = lab.start("hlid", {"up", "-f", file, "--yes", "--json"});
  Timed timed;
  std::optional<Clock::time_point> begin;
  const auto until = Clock::now() + patience;
  while (Clock::now() < until) {
    const bool over = !up.alive();
    if (!begin && contains(up.output(), R"("event":"started","step":"clone )")) {
      begin = Clock::now();
      if (look) look(timed, *begin);
    }
    if (over) break;
    std::this_thread::sleep_for(5ms);
  }
  const auto status = up.wait(0ms);
  timed.ok = status == 0 && begin;
  timed.seconds = begin ? since(*begin) : 0;
  if (!timed.ok) timed.trouble = up.output().substr(0, 2000);
  return timed;
}

bool destroy(test::Lab& lab, const std::string& file) {
  return lab.hlid({"destroy", "-f", file, "--yes"}, 5min).ok();
}

void rows_of(Table& table, test::Lab& lab, const std::string& os) {
  const auto instant = lab.write("instant.yaml", reference(os, true)).string();
  const auto cold = lab.write("cold.yaml", reference(os, false)).string();
  const auto first = timed_up(lab, instant, 30min);  // makes the warm copies
  if (!first.ok || !destroy(lab, instant)) return table.skip("instant machines", first.trouble);
  double memory = 0;
  const auto again = timed_up(lab, instant, 30min, [&](Timed& timed, Clock::time_point begin) {
    test::NodeApi api(lab);
    if (!wait_until_themselves(api)) return;
    timed.itself = since(begin);
    memory = proportional_mib(lab);
    if (log_in_by_name(api, lab)) timed.logged_in = since(begin);
  });
  if (!again.ok || again.itself == 0) return table.skip("instant machines", again.trouble);
  const double complete = proportional_mib(lab);
  destroy(lab, instant);
  const auto booted = timed_up(lab, cold, 30min);
  table.add(
      {fmt::format("six machines, answering as themselves ({})", os), "<= 5 s",
       fmt::format("{:.1f} s", again.itself),
       booted.ok
           ? fmt::format(
                 "all services too: {:.0f} s; the same six booted: {:.0f} s; with warm copies to be made "
                 "first: {:.0f} s",
                 again.seconds, booted.seconds, first.seconds)
           : booted.trouble,
       again.itself <= 5});
  table.add({"memory of the six", "<= 1.5 GiB", fmt::format("{:.2f} GiB", complete / 1024),
             booted.ok ? fmt::format("before their services: {:.2f} GiB; booted: {:.2f} GiB", memory / 1024,
                                     proportional_mib(lab) / 1024)
                       : "",
             complete <= 1536});
  table.add({"a login from one to another by name", "<= 10 s",
             again.logged_in == 0 ? std::string("failed") : fmt::format("{:.1f} s", again.logged_in), "",
             again.logged_in > 0 && again.logged_in <= 10});
  destroy(lab, cold);
}

}  // namespace

void instant_rows(Table& table) {
  test::Lab lab("bench");
  for (const char* os : {"ubuntu-24.04", "debian-12"}) {
    const auto file = lab.write("template.yaml", reference(os, true)).string();
    if (lab.hlid({"template", "build", "-f", file}, 15min).ok()) return rows_of(table, lab, os);
  }
  table.skip("instant machines", "no template could be built");
}

}  // namespace hlid::bench
