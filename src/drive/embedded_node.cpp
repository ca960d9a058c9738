#include "drive/embedded_node.h"

#include <csignal>

#include "base/error.h"
#include "base/json.h"
#include "drive/evidence.h"
#include "sys/files.h"
#include "sys/home.h"
#include "sys/programs.h"

namespace hlid::drive {
namespace {

constexpr std::chrono::seconds kTimeToStart{30};
constexpr std::chrono::seconds kTimeToStop{30};
constexpr std::chrono::milliseconds kPoll{20};

json::object read_object(const std::filesystem::path& file) {
  const auto value = parse_json(sys::read_file(file, 1U << 20), file.string());
  if (!value.is_object()) throw Error(Errc::protocol, "{} is not a JSON object", file.string());
  return value.get_object();
}

}  // namespace

std::filesystem::path find_node_program() {
  const auto beside = sys::program_folder() / "hlid-node";
  if (std::filesystem::exists(beside)) return beside;
  if (const auto found = sys::find_program("hlid-node")) return *found;
  throw Error(Errc::precondition, "the program 'hlid-node' is neither beside hlid nor in PATH")
      .with_hint("install it, or name a Proxmox VE in the file (proxmox.endpoint)");
}

EmbeddedNode::EmbeddedNode(std::filesystem::path home, std::string node, sys::Clock& clock)
    : home_(std::move(home)), node_(std::move(node)), folder_(node_folder(home_, node_)), clock_(clock) {}

std::optional<NodeDaemon> EmbeddedNode::daemon() const {
  const auto text = sys::read_file_if_exists(folder_.daemon_file(), 1U << 20);
  if (!text) return std::nullopt;
  const auto value = parse_json(*text, folder_.daemon_file().string());
  if (!value.is_object()) return std::nullopt;
  const auto& object = value.get_object();
  const auto pid = get_integer(object, "pid").value_or(0);
  const auto started = get_integer(object, "start_time").value_or(0);
  NodeDaemon found{{static_cast<pid_t>(pid), static_cast<std::uint64_t>(started)},
                   get_string(object, "endpoint").value_or("")};
  if (pid <= 0 || !sys::is_alive(found.process)) return std::nullopt;
  return found;
}

NodeClient EmbeddedNode::client() const {
  if (!std::filesystem::exists(folder_.client_file()))
    throw Error(Errc::precondition, "the embedded node '{}' was never started", node_)
        .with_hint("hlid node start");
  const auto object = read_object(folder_.client_file());
  return {get_string(object, "endpoint").value_or(""), Secret(get_string(object, "token").value_or("")),
          get_string(object, "ca").value_or("")};
}

std::optional<NodeDaemon> EmbeddedNode::usable_daemon() const {
  auto found = daemon();
  if (!found || found->endpoint.empty() || !std::filesystem::exists(folder_.client_file()))
    return std::nullopt;
  return found;
}

void EmbeddedNode::explain_failure() const {
  const auto log = sys::read_file_if_exists(folder_.daemon_log()).value_or("");
  const auto tail = last_lines(log, 8);
  throw Error(Errc::failed, "hlid-node did not start{}{}", tail.empty() ? "" : ": ", tail)
      .with_hint("hlid doctor");
}

bool EmbeddedNode::start(std::stop_token stop) {
  if (usable_daemon()) return false;
  sys::make_folder(home_, 0700);
  sys::make_folder(folder_.daemon_log().parent_path(), 0700);
  const auto child =
      sys::spawn_detached({find_node_program().string(), "daemon", "--home", home_.string(), "--node", node_},
                          folder_.daemon_log());
  const auto deadline = clock_.now() + kTimeToStart;
  while (!usable_daemon()) {
    const bool gone = !sys::is_alive(child) && !daemon();
    if (gone || clock_.now() >= deadline) explain_failure();
    if (!clock_.sleep(kPoll, stop)) throw Error(Errc::interrupted, "stopped while hlid-node was starting");
  }
  return true;
}

bool EmbeddedNode::stop_daemon(std::stop_token stop) {
  const auto found = daemon();
  if (!found) return false;
  sys::send_signal(found->process, SIGTERM);
  if (!sys::wait_gone(found->process, kTimeToStop, stop))
    throw Error(Errc::timeout, "hlid-node (process {}) does not end", found->process.pid);
  return true;
}

}  // namespace hlid::drive
