#include "support/fake_rke2/snapshots.h"

#include <sys/stat.h>

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/api.h"
#include "support/fake_rke2/bootstrap.h"
#include "support/fake_rke2/cron.h"
#include "support/fake_rke2/datastore.h"
#include "support/fake_rke2/faults.h"
#include "support/fake_rke2/journal.h"
#include "sys/files.h"
#include "sys/hash.h"
#include "sys/process.h"

namespace hlid::fake_rke2 {
namespace {

const std::string kPath = "/apis/k3s.cattle.io/v1/etcdsnapshotfiles";

struct Order {
  std::string operation, prefix, folder;
  std::vector<std::string> names;
  int retention = 5;
  bool compress = false;
};

fs::path folder_of(const Config& config) {
  return config.text("etcd-snapshot-dir", config.layout().snapshots().string());
}

Order parse_order(const Config& config, const std::string& body) {
  const auto value = parse_json(body, "request");
  const auto& object = value.as_object();
  Order out;
  out.operation = get_string(object, "operation").value_or("");
  out.folder = get_string(object, "dir").value_or(folder_of(config).string());
  out.retention = static_cast<int>(get_integer(object, "retention").value_or(5));
  out.compress = get_bool(object, "compress").value_or(false);
  if (const auto* names = object.if_contains("name"); names != nullptr && names->is_array())
    for (const auto& name : names->as_array()) out.names.emplace_back(name.as_string());
  out.prefix = out.names.empty() ? "on-demand" : out.names.front();
  return out;
}

json::object object_of(const Config& config, const fs::path& file) {
  struct stat facts {};
  ::stat(file.c_str(), &facts);
  const auto name = file.filename().string();
  const auto ca = sys::read_file(config.layout().tls() / "server-ca.crt");
  return {
      {"apiVersion", "k3s.cattle.io/v1"},
      {"kind", "ETCDSnapshotFile"},
      {"metadata",
       json::object{{"name", "local-" + name},
                    {"annotations",
                     json::object{{"etcd.rke2.cattle.io/snapshot-token-hash",
                                   sys::sha256_hex(read_passwords(config.layout()).server).substr(0, 12)}}},
                    {"creationTimestamp", journal::timestamp(facts.st_mtime)}}},
      {"spec", json::object{{"snapshotName", name},
                            {"nodeName", config.node_name()},
                            {"location", "file://" + file.string()}}},
      {"status", json::object{{"size", std::to_string(facts.st_size)},
                              {"creationTime", journal::timestamp(facts.st_mtime)},
                              {"readyToUse", true}}}};
}

bool is_snapshot(const fs::directory_entry& entry) {
  const auto extension = entry.path().extension();
  return entry.is_regular_file() && extension != ".part" && extension != ".tmp";
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none))
    if (is_snapshot(entry)) out.push_back(entry.path());
  std::ranges::sort(out);
  return out;
}

std::string save(const Config& config, const Order& order) {
  if (faults::has("snapshot_fail"))
    throw Error(Errc::failed, "failed to save snapshot: no space left on device");
  const auto status = Datastore(config).local().status();
  if (status.learner) throw Error(Errc::failed, "snapshot save is not allowed on learner");
  sys::make_folder(order.folder, 0700);
  const auto file =
      fs::path(order.folder) / fmt::format("{}-{}-{}", order.prefix, config.node_name(), journal::unix_now());
  const auto tls = config.layout().etcd_tls();
  sys::PosixProcessRunner runner;
  sys::run_checked(
      runner, {.argv = {"etcdctl", "--endpoints=https://127.0.0.1:2379",
                        "--cacert=" + (tls / "server-ca.crt").string(),
                        "--cert=" + (tls / "server-client.crt").string(),
                        "--key=" + (tls / "server-client.key").string(), "snapshot", "save", file.string()},
               .env = {{"ETCDCTL_API", "3"}}});
  if (!order.compress) return file.string();
  const auto packed = file.string() + ".zip";
  sys::run_checked(runner, {.argv = {"gzip", "-f", "-S", ".zip", file.string()}});
  return packed;
}

void forget(Api& api, const std::string& name) {
  api.remove(kPath + "/local-" + name);
}

Response say(const std::vector<std::string>& files, const char* what) {
  json::array created;
  for (const auto& file : files) created.emplace_back(file);
  return {200, to_text(json::object{{what, std::move(created)}})};
}

Response remove_named(const Config& config, Api& api, const Order& order) {
  std::vector<std::string> gone;
  for (const auto& name : order.names) {
    std::error_code none;
    if (!fs::remove(fs::path(order.folder) / name, none)) continue;
    forget(api, name);
    gone.push_back(name);
  }
  if (gone.empty() && !order.names.empty())
    return {404, "snapshot not found: " + order.names.front() + "\n", "text/plain"};
  (void)config;
  return say(gone, "deleted");
}

Response prune(const Config& config, Api& api, const Order& order) {
  std::vector<fs::path> mine;
  const auto start = (order.names.empty() ? "etcd-snapshot" : order.prefix) + "-" + config.node_name() + "-";
  for (const auto& file : files_in(order.folder))
    if (file.filename().string().starts_with(start)) mine.push_back(file);
  std::vector<std::string> gone;
  while (static_cast<int>(mine.size()) > std::max(order.retention, 0)) {
    fs::remove(mine.front());
    forget(api, mine.front().filename().string());
    gone.push_back(mine.front().filename().string());
    mine.erase(mine.begin());
  }
  return say(gone, "deleted");
}

}  // namespace

void reconcile_snapshots(const Config& config) {
  auto api = local_admin(config.layout());
  std::vector<std::string> known;
  for (const auto& object : api.list(kPath)) {
    if (text_at(object, {"spec", "nodeName"}) != config.node_name()) continue;
    const auto location = text_at(object, {"spec", "location"});
    if (location.starts_with("file://") && !fs::exists(location.substr(7)))
      api.remove(kPath + "/" + name_of(object));
    else
      known.push_back(text_at(object, {"spec", "snapshotName"}));
  }
  for (const auto& file : files_in(folder_of(config)))
    if (std::ranges::find(known, file.filename().string()) == known.end())
      api.put(kPath + "/local-" + file.filename().string(), object_of(config, file));
}

Response snapshot_request(const Config& config, const std::string& body) {
  const auto order = parse_order(config, body);
  auto api = local_admin(config.layout());
  try {
    if (order.operation == "save") {
      const auto file = save(config, order);
      api.put(kPath + "/local-" + fs::path(file).filename().string(), object_of(config, file));
      return say({fs::path(file).filename().string()}, "created");
    }
    if (order.operation == "delete") return remove_named(config, api, order);
    if (order.operation == "prune") return prune(config, api, order);
    if (order.operation == "list") {
      reconcile_snapshots(config);
      return {200, api.raw("GET", kPath)};
    }
  } catch (const Error& problem) {
    return {500, problem.message() + "\n", "text/plain"};
  }
  return {400, "invalid operation\n", "text/plain"};
}

void run_snapshot_schedule(const Config& config) {
  if (config.flag("etcd-disable-snapshots")) return;
  const Cron cron(config.text("etcd-snapshot-schedule-cron", "0 */12 * * *"));
  const auto name = config.text("etcd-snapshot-name", "etcd-snapshot");
  const auto retention = std::atoi(config.text("etcd-snapshot-retention", "5").c_str());
  for (auto last = journal::unix_now() / 60;; std::this_thread::sleep_for(std::chrono::seconds(5))) {
    const auto minute = journal::unix_now() / 60;
    if (minute == last) continue;
    last = minute;
    if (!cron.matches(minute * 60)) continue;
    const json::object save{{"operation", "save"},
                            {"name", json::array{json::string(name)}},
                            {"compress", config.flag("etcd-snapshot-compress")}};
    const auto answer = snapshot_request(config, to_text(save));
    if (answer.status != 200) journal::error("Failed to take scheduled snapshot: {}", answer.body);
    snapshot_request(config, to_text(json::object{{"operation", "prune"},
                                                  {"name", json::array{json::string(name)}},
                                                  {"retention", retention}}));
  }
}

}  // namespace hlid::fake_rke2
