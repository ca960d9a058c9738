#include "guest/machine.h"

#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <linux/random.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "guest/files.h"
#include "guest/gpt.h"

namespace hlid::guest {
namespace {

constexpr const char* kUuidFile = "/run/hlid-product-uuid";
// fs/ext4/ext4.h; the kernel does not export it in a header of the C library.
constexpr unsigned long kExt4ResizeFs = _IOW('f', 16, std::uint64_t);

std::string failed(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, mode_t mode = 0600)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

/// Mounts of its lifetime are nobody else's: the service manager would look through the whole table for each.
class OwnMounts {
 public:
  OwnMounts() : before_("/proc/self/ns/mnt", O_RDONLY) {
    if (before_.get() >= 0 && ::unshare(CLONE_NEWNS) == 0)
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  }
  ~OwnMounts() {
    if (before_.get() >= 0) ::setns(before_.get(), CLONE_NEWNS);
  }
  OwnMounts(const OwnMounts&) = delete;
  OwnMounts& operator=(const OwnMounts&) = delete;

 private:
  Descriptor before_;
};

struct RootDevice {
  std::string disk;  ///< "vda"
  int partition = 0;
};

/// /sys/dev/block/MAJOR:MINOR of a partition leads to …/<disk>/<partition>.
RootDevice root_device() {
  struct stat info {};
  if (::stat("/", &info) != 0) return {};
  const std::string link =
      "/sys/dev/block/" + std::to_string(major(info.st_dev)) + ":" + std::to_string(minor(info.st_dev));
  char real[PATH_MAX];
  if (::realpath(link.c_str(), real) == nullptr) return {};
  const std::string path = real;
  const std::string parent = path.substr(0, path.rfind('/'));
  return {parent.substr(parent.rfind('/') + 1), std::atoi(read_file(path + "/partition").c_str())};
}

std::string tell_kernel(int fd, int number, const Partition& partition) {
  blkpg_partition data{};
  data.start = static_cast<long long>(partition.first_sector * 512);
  data.length = static_cast<long long>(partition.sectors * 512);
  data.pno = number;
  blkpg_ioctl_arg argument{};
  argument.op = BLKPG_RESIZE_PARTITION;
  argument.datalen = sizeof data;
  argument.data = &data;
  return ::ioctl(fd, BLKPG, &argument) == 0 ? "" : failed("cannot resize the partition");
}

std::string grow_file_system(const Partition& partition) {
  struct statfs info {};
  const Descriptor root("/", O_RDONLY | O_DIRECTORY);
  if (root.get() < 0 || ::fstatfs(root.get(), &info) != 0)
    return failed("cannot look at the root file system");
  const std::uint64_t blocks = partition.sectors * 512 / static_cast<std::uint64_t>(info.f_bsize);
  if (::ioctl(root.get(), kExt4ResizeFs, &blocks) == 0) return {};
  return failed("cannot grow the root file system");
}

}  // namespace

std::string set_clock(std::int64_t seconds, std::int64_t nanoseconds) {
  const timespec now{static_cast<time_t>(seconds), static_cast<long>(nanoseconds)};
  return ::clock_settime(CLOCK_REALTIME, &now) == 0 ? "" : failed("cannot set the clock");
}

std::string reseed(const std::string& entropy) {
  const Descriptor random("/dev/urandom", O_RDWR);
  if (random.get() < 0) return failed("cannot open /dev/urandom");
  std::string buffer(sizeof(rand_pool_info), '\0');
  rand_pool_info head{};
  head.entropy_count = static_cast<int>(entropy.size() * 8);
  head.buf_size = static_cast<int>(entropy.size());
  std::memcpy(buffer.data(), &head, sizeof head);
  buffer += entropy;
  if (::ioctl(random.get(), RNDADDENTROPY, buffer.data()) != 0) return failed("cannot add entropy");
  return ::ioctl(random.get(), RNDRESEEDCRNG) == 0 ? "" : failed("cannot reseed");
}

std::string set_hostname(const std::string& name) {
  return ::sethostname(name.data(), name.size()) == 0 ? "" : failed("cannot set the host name");
}

std::string renew_fastopen_key() {
  const std::string bytes = random_bytes(16);
  std::string key;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(bytes[i]));
    key += (i > 0 && i % 4 == 0 ? "-" : "") + std::string(digits);
  }
  const Descriptor out("/proc/sys/net/ipv4/tcp_fastopen_key", O_WRONLY);
  if (out.get() < 0) return errno == ENOENT ? "" : failed("cannot open tcp_fastopen_key");
  return ::write(out.get(), key.data(), key.size()) > 0 ? "" : failed("cannot set tcp_fastopen_key");
}

std::string note_uuid(const std::string& uuid) {
  const Descriptor out(kUuidFile, O_WRONLY | O_CREAT | O_TRUNC, 0400);
  const std::string line = uuid + "\n";
  if (out.get() < 0 || ::write(out.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    return failed(std::string("cannot write ") + kUuidFile);
  return {};
}

std::string show_uuid() {
  constexpr const char* kSeen = "/sys/devices/virtual/dmi/id/product_uuid";
  if (::access(kUuidFile, F_OK) != 0) return {};
  return ::mount(kUuidFile, kSeen, nullptr, MS_BIND, nullptr) == 0 ? "" : failed("cannot show the UUID");
}

std::string read_from_drive(const std::string& device, const std::string& name, std::string& failure) {
  const OwnMounts own;
  const std::string folder = "/run/hlid-seed";
  ::mkdir(folder.c_str(), 0700);
  if (::mount(device.c_str(), folder.c_str(), "iso9660", MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC,
              nullptr) != 0) {
    failure = failed("cannot mount " + device);
    return {};
  }
  std::string text = read_file(folder + "/" + name);
  if (text.empty()) failure = "no " + name + " on " + device;
  ::umount2(folder.c_str(), MNT_DETACH);
  ::rmdir(folder.c_str());
  return text;
}

std::string grow_root() {
  const RootDevice root = root_device();
  if (root.partition == 0) return "the root file system is not on a partition";
  const Descriptor disk("/dev/" + root.disk, O_RDWR);
  std::uint64_t bytes = 0;
  if (disk.get() < 0 || ::ioctl(disk.get(), BLKGETSIZE64, &bytes) != 0)
    return failed("cannot open " + root.disk);
  std::string why;
  const auto partition = grow_partition(disk.get(), root.partition, bytes / 512, why);
  if (!partition) return why;
  if (auto failure = tell_kernel(disk.get(), root.partition, *partition); !failure.empty()) return failure;
  return grow_file_system(*partition);
}

std::string run(const char* const argv[]) {
  pid_t pid = 0;
  int status = 0;
  // The arguments are constants of main.cpp; posix_spawn does not change them.
  const int failure = ::posix_spawn(&pid, argv[0], nullptr, nullptr, const_cast<char* const*>(argv), environ);
  if (failure != 0) return std::string(argv[0]) + ": " + std::strerror(failure);
  if (::waitpid(pid, &status, 0) != pid || status != 0)
    return std::string(argv[0]) + " ended with " + std::to_string(WEXITSTATUS(status));
  return {};
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (::getrandom(bytes.data(), count, 0) != static_cast<ssize_t>(count)) std::abort();
  return bytes;
}

}  // namespace hlid::guest
