#include "node/daemon/node_folder.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/json.h"

namespace hlid::node::daemon {
namespace {

constexpr double kTimeToEnd = 20;  // seconds; `hlid` waits a little longer for us

bool is_node_name(const std::string& name) {
  const auto allowed = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-'; };
  return !name.empty() && name.size() <= 63 && name.front() != '-' && name.back() != '-' &&
         std::ranges::all_of(name, allowed);
}

std::optional<Running> running_from(const json::object& object) {
  const auto pid = get_integer(object, "pid");
  const auto start = get_integer(object, "start_time");
  const auto endpoint = get_string(object, "endpoint");
  if (!pid || !start || !endpoint) return std::nullopt;
  return Running{{static_cast<pid_t>(*pid), static_cast<std::uint64_t>(*start)}, *endpoint};
}

std::optional<Running> read_announced(const NodeFolder& folder) {
  const auto text = sys::read_file_if_exists(folder.daemon_file());
  if (!text) return std::nullopt;
  try {
    const auto value = parse_json(*text, folder.daemon_file().string());
    return value.is_object() ? running_from(value.get_object()) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;  // what cannot be read announces nobody
  }
}

}  // namespace

NodeFolder::NodeFolder(std::filesystem::path home, std::string node)
    : node_(std::move(node)), root_(std::filesystem::absolute(home) / "nodes" / node_) {
  if (!is_node_name(node_)) throw Error(Errc::usage, "'{}' is not a node's name", node_);
}

void NodeFolder::prepare() const {
  for (const auto& open : {root_, root_ / "log", tasks()}) sys::make_folder(open, 0755);
  for (const auto& closed : {etc(), priv(), run()}) {
    sys::make_folder(closed, 0700);
    std::filesystem::permissions(closed, std::filesystem::perms::owner_all);
  }
}

sys::FileLock NodeFolder::occupy() const {
  const auto file = run() / "daemon.lock";
  if (auto lock = sys::FileLock::try_lock(file)) return std::move(*lock);
  if (const auto other = find_running(*this))
    throw Error(Errc::precondition, "node '{}' is served already by process {} at {}", node_,
                other->process.pid, other->endpoint)
        .with_hint("hlid node status");
  // One that is ending: killed, and the kernel has yet to end its last thread, or at its last tasks.
  try {
    return sys::FileLock::lock(file, kTimeToEnd);
  } catch (const Error&) {
    throw Error(Errc::precondition, "node '{}' is served already", node_).with_hint("hlid node status");
  }
}

void announce(const NodeFolder& folder, const std::string& endpoint) {
  const auto self = sys::self_process_id();
  const json::object object{{"pid", self.pid}, {"start_time", self.start_time}, {"endpoint", endpoint}};
  sys::write_durable(folder.daemon_file(), to_pretty_text(object), 0600);
}

void withdraw(const NodeFolder& folder) {
  sys::remove_durable(folder.daemon_file());
}

std::optional<std::string> announced_endpoint(const NodeFolder& folder) {
  const auto announced = read_announced(folder);
  return announced ? std::optional(announced->endpoint) : std::nullopt;
}

std::optional<Running> find_running(const NodeFolder& folder) {
  auto announced = read_announced(folder);
  return announced && sys::is_alive(announced->process) ? announced : std::nullopt;
}

}  // namespace hlid::node::daemon
