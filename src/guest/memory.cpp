#include "guest/memory.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "guest/files.h"

namespace hlid::guest {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr const char* kUserFolders = "/run/user";
/// What the kernel keeps for itself at a boot, beyond which a module of memory is missing.
constexpr std::int64_t kReservedMib = 200;

std::uint64_t total_pages() {
  struct sysinfo info {};
  return ::sysinfo(&info) == 0 ? info.totalram * info.mem_unit / kPage : 0;
}

std::uint64_t number_after(const std::string& text, const std::string& word, std::size_t from,
                           std::size_t end) {
  const auto at = text.find(word, from);
  return at < end ? std::strtoull(text.c_str() + at + word.size(), nullptr, 10) : 0;
}

std::string three(std::uint64_t low, std::uint64_t pressure, std::uint64_t high) {
  return std::to_string(low) + " " + std::to_string(pressure) + " " + std::to_string(high);
}

std::string failed(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

/// The mount's own flags stay (mount(2): a remount names all of them).
std::string resize_tmpfs(const char* where, const std::string& options) {
  struct statvfs info {};
  if (::statvfs(where, &info) != 0) return failed(std::string("cannot look at ") + where);
  unsigned long flags = MS_REMOUNT;
  if ((info.f_flag & ST_NOSUID) != 0) flags |= MS_NOSUID;
  if ((info.f_flag & ST_NODEV) != 0) flags |= MS_NODEV;
  if ((info.f_flag & ST_NOEXEC) != 0) flags |= MS_NOEXEC;
  if (::mount("tmpfs", where, "tmpfs", flags, options.c_str()) == 0) return {};
  return failed(std::string("cannot resize ") + where);
}

std::string set_limit(const Limit& limit) {
  const std::string path = "/proc/sys/" + limit.name;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? std::string() : failed("cannot open " + path);
  const auto written = ::write(fd, limit.value.data(), limit.value.size());
  const std::string failure = written < 0 ? failed("cannot set " + limit.name) : std::string();
  ::close(fd);
  return failure;
}

/// Users whose service manager runs: each has a folder there (logind.conf(5), RuntimeDirectorySize).
std::vector<std::string> users_with_manager() {
  std::vector<std::string> users;
  for (const auto& name : names_in(kUserFolders))
    if (name.front() != '.') users.push_back(name);
  return users;
}

std::vector<pid_t> processes_of(const std::string& cgroup) {
  std::vector<pid_t> out;
  const std::string text = read_file("/sys/fs/cgroup/" + cgroup + "/cgroup.procs");
  for (std::size_t at = 0; at < text.size(); at = std::min(text.find('\n', at), text.size() - 1) + 1)
    out.push_back(static_cast<pid_t>(std::strtol(text.c_str() + at, nullptr, 10)));
  return out;
}

/// The service manager hands its own to whatever it starts; those that ran already hand on what they had from
/// it.
std::string set_process_limit(std::uint64_t threads) {
  std::vector<pid_t> all = processes_of("system.slice/ssh.service");
  for (const auto& user : users_with_manager())
    for (const pid_t pid :
         processes_of("user.slice/user-" + user + ".slice/user@" + user + ".service/init.scope"))
      all.push_back(pid);
  const rlimit limit{threads / 2, threads / 2};
  for (const pid_t pid : all) ::prlimit(pid, RLIMIT_NPROC, &limit, nullptr);  // it may have ended meanwhile
  return ::prlimit(1, RLIMIT_NPROC, &limit, nullptr) == 0 ? "" : failed("cannot set the limit of processes");
}

}  // namespace

void wait_for_memory(std::int64_t mib) {
  const auto wanted = static_cast<std::uint64_t>(std::max<std::int64_t>(0, mib - kReservedMib)) << 20U;
  constexpr timespec kPause{0, 500'000'000};
  for (int i = 0; i < 60 && total_pages() * kPage < wanted; ++i) ::nanosleep(&kPause, nullptr);
}

std::uint64_t buffer_pages(const std::string& zoneinfo) {
  std::uint64_t pages = 0;
  for (auto at = zoneinfo.find("Node "); at != std::string::npos;) {
    const auto next = std::min(zoneinfo.find("\nNode ", at), zoneinfo.size());
    const auto managed = number_after(zoneinfo, "\n        managed", at, next);
    const auto high = number_after(zoneinfo, "\n        high", at, next);
    pages += managed > high ? managed - high : 0;
    at = next < zoneinfo.size() ? next + 1 : std::string::npos;
  }
  return pages;
}

std::vector<Limit> limits_of(std::uint64_t pages, std::uint64_t buffers) {
  const auto tcp = std::max<std::uint64_t>(buffers / 16, 128);
  const auto udp = std::max<std::uint64_t>(buffers / 8, 128);
  const auto sockets = std::min<std::uint64_t>(std::bit_ceil(std::max<std::uint64_t>(pages / 32, 512)),
                                               std::uint64_t{512} * 1024);
  const auto peers = std::clamp<std::uint64_t>(pages * kPage / 100 / 192, 4096, 65536 + 128);
  return {{"net/ipv4/tcp_mem", three(tcp / 4 * 3, tcp, tcp / 4 * 6)},
          {"net/ipv4/udp_mem", three(udp / 4 * 3, udp, udp / 4 * 6)},
          {"net/ipv4/tcp_max_orphans", std::to_string(sockets / 2)},
          {"net/ipv4/tcp_max_tw_buckets", std::to_string(sockets / 2)},
          {"net/ipv4/tcp_max_syn_backlog", std::to_string(std::max<std::uint64_t>(128, sockets / 128))},
          {"net/ipv4/inet_peer_threshold", std::to_string(peers)},
          {"kernel/threads-max", std::to_string(pages / 32)}};
}

std::vector<std::string> adapt_to_memory() {
  const auto pages = total_pages();
  const std::string half = std::to_string(pages / 2);  // the kernel's default
  std::vector<std::string> failures{
      // systemd, src/shared/mount-setup.c and tmpfs options of its API file systems
      resize_tmpfs("/run", "size=20%"), resize_tmpfs("/run/lock", "nr_inodes=" + half),
      resize_tmpfs("/dev/shm", "nr_blocks=" + half + ",nr_inodes=" + half), set_process_limit(pages / 32)};
  for (const auto& user : users_with_manager()) {
    const auto tenth = pages / 10 * kPage;
    failures.push_back(
        resize_tmpfs((kUserFolders + ("/" + user)).c_str(),
                     "size=" + std::to_string(tenth) + ",nr_inodes=" + std::to_string(tenth / kPage)));
  }
  for (const auto& limit : limits_of(pages, buffer_pages(read_file("/proc/zoneinfo"))))
    failures.push_back(set_limit(limit));
  return failures;
}

}  // namespace hlid::guest
