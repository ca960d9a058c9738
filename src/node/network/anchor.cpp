#include "node/network/anchor.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>

#include "base/error.h"
#include "base/text.h"
#include "node/network/child.h"
#include "node/network/link_plan.h"
#include "sys/files.h"
#include "sys/programs.h"

namespace hlid::node::network {
namespace {

/// Fine, too, where /proc is read-only but has the value already.
void set_sysctl(const char* path, std::string_view value) {
  const sys::UniqueFd fd(::open(path, O_WRONLY | O_CLOEXEC));
  if (fd && ::write(fd.get(), value.data(), value.size()) > 0) return;
  const int failure = errno;
  if (trim(sys::read_file(path)) != value) throw system_error(fmt::format("cannot set '{}'", path), failure);
}

void set_up_namespace() {
  sys::bring_loopback_up();
  set_sysctl("/proc/sys/net/ipv4/ip_forward", "1");
  // Where br_netfilter is loaded for the host's own ends, frames between machines must not pass the packet
  // rules.
  if (std::filesystem::exists("/proc/sys/net/bridge/bridge-nf-call-iptables"))
    set_sysctl("/proc/sys/net/bridge/bridge-nf-call-iptables", "0");
}

/// Says "ready" and then lets go of everything the holder had open: its lock above all.
int live_on(int report) {
  ::prctl(PR_SET_NAME, "hlid-realm");
  [[maybe_unused]] const auto told = ::write(report, "ready", 5);
  ::close_range(3, ~0U, 0);
  for (;;) ::pause();
}

int anchor_body(const sys::Namespaces* existing, bool user_namespace, int report) {
  try {
    if (existing != nullptr) {
      existing->enter();
    } else {
      sys::unshare_network(user_namespace);
      set_up_namespace();
    }
  } catch (const Error& error) {
    const auto text = fmt::format("{}\n{}", error.what(), error.hint());
    return ::write(report, text.data(), text.size()) < 0 ? 2 : 1;
  }
  return live_on(report);
}

bool carries_mark(const sys::Namespaces& namespaces, const std::string& mark) {
  const auto ip = sys::find_program("ip");
  if (!ip) return false;
  try {
    for (const auto& link : parse_links(output_of({*ip, "-json", "link", "show", "dev", "lo"}, namespaces)))
      if (link.alias == mark) return true;
  } catch (const Error&) {
    // Not a namespace that we may look into: not ours.
  }
  return false;
}

std::optional<pid_t> pid_of(const std::filesystem::path& folder) {
  const auto name = folder.filename().string();
  pid_t pid = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (failure != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return pid;
}

}  // namespace

std::string realm_mark(const std::string& id) {
  return "hlid:" + id;
}

sys::ProcessId start_anchor(const sys::Namespaces* existing, bool user_namespace) {
  Pipe report = make_pipe();
  const auto anchor = fork_child([&] { return anchor_body(existing, user_namespace, report.write.get()); });
  report.write.reset();
  const auto answer = read_to_end(report.read.get());
  if (answer == "ready") return anchor;
  ::waitpid(anchor.pid, nullptr, 0);
  const auto lines = split(answer, '\n');
  throw Error(Errc::precondition, "{}", lines.front().empty() ? "the realm's anchor ended" : lines.front())
      .with_hint(lines.size() > 1 ? lines[1] : "");
}

std::optional<sys::Namespaces> find_namespaces(const RealmState& earlier) {
  if (auto namespaces = sys::Namespaces::of(earlier.anchor)) return namespaces;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto pid = pid_of(entry.path());
    if (!pid || sys::network_namespace_of(*pid) != earlier.namespace_id) continue;
    auto namespaces = sys::Namespaces::of({*pid, sys::start_time_of(*pid).value_or(0)});
    if (namespaces && carries_mark(*namespaces, realm_mark(earlier.id))) return namespaces;
  }
  return std::nullopt;
}

}  // namespace hlid::node::network
