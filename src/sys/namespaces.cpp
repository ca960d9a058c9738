#include "sys/namespaces.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "sys/files.h"

namespace hlid::sys {
namespace {

/// Files of /proc take a value in one write and know no rename.
void write_proc(const std::string& path, std::string_view value) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd || ::write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size()))
    throw system_error("cannot write '" + path + "'");
}

bool is_switched(const char* path, std::string_view value) {
  try {
    const auto text = read_file_if_exists(path);
    return text && trim(*text) == value;
  } catch (const Error&) {
    return false;
  }
}

/// The usual reasons why an ordinary user gets no user namespace, each with the switch that rules it.
std::string user_namespace_hint() {
  if (is_switched("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"))
    return "AppArmor keeps user namespaces from this program; as root: sysctl -w "
           "kernel.apparmor_restrict_unprivileged_userns=0";
  if (is_switched("/proc/sys/kernel/unprivileged_userns_clone", "0"))
    return "user namespaces are switched off; as root: sysctl -w kernel.unprivileged_userns_clone=1";
  if (is_switched("/proc/sys/user/max_user_namespaces", "0"))
    return "user namespaces are switched off; as root: sysctl -w user.max_user_namespaces=15000";
  return "run it as root, or let this user make user namespaces (in a container: its seccomp profile)";
}

[[noreturn]] void refuse(std::string_view what) {
  const int failure = errno;
  throw Error(Errc::precondition, "cannot make {}: {}", what, std::strerror(failure))
      .with_hint(user_namespace_hint());
}

void unshare_user() {
  const auto uid = ::geteuid();
  const auto gid = ::getegid();
  if (::unshare(CLONE_NEWUSER) != 0) refuse("a user namespace");
  // user_namespaces(7): setgroups must be given up before an unprivileged gid_map is accepted.
  write_proc("/proc/self/setgroups", "deny");
  write_proc("/proc/self/uid_map", fmt::format("0 {} 1", uid));
  write_proc("/proc/self/gid_map", fmt::format("0 {} 1", gid));
}

UniqueFd open_namespace(pid_t pid, const char* kind) {
  return UniqueFd(::open(fmt::format("/proc/{}/ns/{}", pid, kind).c_str(), O_RDONLY | O_CLOEXEC));
}

std::optional<struct stat> identity_of(int fd) {
  struct stat identity {};
  if (::fstat(fd, &identity) != 0) return std::nullopt;
  return identity;
}

bool same_as_ours(int fd, const char* kind) {
  const UniqueFd own = open_namespace(::getpid(), kind);
  const auto a = identity_of(fd);
  const auto b = identity_of(own.get());
  return a && b && a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

}  // namespace

bool may_unshare_network() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  return ::syscall(SYS_capget, &header, data) == 0 && (data[0].effective & (1U << CAP_SYS_ADMIN)) != 0;
}

void unshare_network(bool user_namespace) {
  if (user_namespace) unshare_user();
  if (::unshare(CLONE_NEWNET) != 0) refuse("a network namespace");
}

std::optional<std::uint64_t> network_namespace_of(pid_t pid) {
  struct stat identity {};
  if (::stat(fmt::format("/proc/{}/ns/net", pid).c_str(), &identity) != 0) return std::nullopt;
  return identity.st_ino;
}

std::optional<Namespaces> Namespaces::of(const ProcessId& process) {
  Namespaces result;
  result.network_ = open_namespace(process.pid, "net");
  result.user_ = open_namespace(process.pid, "user");
  // Checked after opening: had the pid gone to another process in between, the start time would differ.
  if (!result.network_ || !result.user_ || !is_alive(process)) return std::nullopt;
  if (same_as_ours(result.user_.get(), "user")) result.user_.reset();
  return result;
}

void Namespaces::enter() const {
  if (user_ && ::setns(user_.get(), CLONE_NEWUSER) != 0) throw system_error("cannot join the user namespace");
  if (::setns(network_.get(), CLONE_NEWNET) != 0) throw system_error("cannot join the network namespace");
}

void bring_loopback_up() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP;
  if (!socket || ::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0)
    throw system_error("cannot bring 'lo' up");
}

void limit_capabilities(const std::set<int>& kept) {
  // The bounding set is enough: without it not even root gains a capability from an execve (capabilities(7)).
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    if (!kept.contains(capability) && ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
      throw system_error("cannot drop capabilities");
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

}  // namespace hlid::sys
