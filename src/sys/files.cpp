#include "sys/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/error.h"

namespace hlid::sys {
namespace {

void write_all(int fd, std::string_view content, const fs::path& path) {
  while (!content.empty()) {
    const auto written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw system_error("cannot write '" + path.string() + "'");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

void sync_folder(const fs::path& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) throw system_error("cannot sync folder '" + folder.string() + "'");
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

fs::path temporary_beside(const fs::path& path) {
  static std::atomic<unsigned> counter{0};
  return folder_of(path) / fmt::format(".{}.{}-{}.tmp", path.filename().string(), ::getpid(), counter++);
}

/// nullopt: a file of proc(5) whose process ended meanwhile.
std::optional<std::string> read_all(int fd, const fs::path& path, std::size_t most) {
  std::string content;
  char buffer[65536];
  for (;;) {
    const auto got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == ESRCH) return std::nullopt;
    if (got < 0) throw system_error("cannot read '" + path.string() + "'");
    if (got == 0) return content;
    content.append(buffer, static_cast<std::size_t>(got));
    if (content.size() > most) throw Error(Errc::io, "'{}' is larger than {} bytes", path.string(), most);
  }
}

UniqueFd open_lock(const fs::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) throw system_error("cannot open lock file '" + path.string() + "'");
  return fd;
}

bool try_flock(int fd, const fs::path& path) {
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
  if (errno != EWOULDBLOCK && errno != EINTR) throw system_error("cannot lock '" + path.string() + "'");
  return false;
}

}  // namespace

std::optional<std::string> read_file_if_exists(const fs::path& path, std::size_t most) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (!fd) throw system_error("cannot open '" + path.string() + "'");
  return read_all(fd.get(), path, most);
}

std::string read_file(const fs::path& path, std::size_t most) {
  auto content = read_file_if_exists(path, most);
  if (!content) throw Error(Errc::not_found, "'{}' does not exist", path.string());
  return std::move(*content);
}

void write_durable(const fs::path& path, std::string_view content, mode_t mode) {
  const fs::path temporary = temporary_beside(path);
  try {
    const UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!fd) throw system_error("cannot create '" + temporary.string() + "'");
    write_all(fd.get(), content, temporary);
    if (::fsync(fd.get()) != 0) throw system_error("cannot sync '" + temporary.string() + "'");
    if (::rename(temporary.c_str(), path.c_str()) != 0)
      throw system_error("cannot replace '" + path.string() + "'");
  } catch (const Error&) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_folder(folder_of(path));
}

void move_durable(const fs::path& from, const fs::path& to) {
  const UniqueFd fd(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) throw system_error("cannot sync '" + from.string() + "'");
  if (::rename(from.c_str(), to.c_str()) != 0) throw system_error("cannot replace '" + to.string() + "'");
  sync_folder(folder_of(to));
}

void remove_durable(const fs::path& path) {
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return;
    throw system_error("cannot remove '" + path.string() + "'");
  }
  sync_folder(folder_of(path));
}

void make_folder(const fs::path& path, mode_t mode) {
  if (path.has_parent_path() && path.parent_path() != path && !fs::exists(path.parent_path()))
    make_folder(path.parent_path());
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    throw system_error("cannot create folder '" + path.string() + "'");
}

std::optional<FileLock> FileLock::try_lock(const fs::path& path) {
  UniqueFd fd = open_lock(path);
  if (!try_flock(fd.get(), path)) return std::nullopt;
  return FileLock(std::move(fd));
}

FileLock FileLock::lock(const fs::path& path, double timeout_seconds) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  UniqueFd fd = open_lock(path);
  while (!try_flock(fd.get(), path)) {
    const double waited = std::chrono::duration<double>(Clock::now() - begin).count();
    if (timeout_seconds >= 0 && waited > timeout_seconds)
      throw Error(Errc::timeout, "can't lock file '{}' - got timeout", path.string());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return FileLock(std::move(fd));
}

TempFolder::TempFolder(std::string_view prefix) {
  const char* base = std::getenv("TMPDIR");
  std::string name = fmt::format("{}/{}.XXXXXX", base != nullptr && *base != '\0' ? base : "/tmp", prefix);
  if (::mkdtemp(name.data()) == nullptr) throw system_error("cannot create a folder like '" + name + "'");
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::int64_t free_bytes(const fs::path& path) {
  struct statvfs info {};
  if (::statvfs(path.c_str(), &info) != 0) throw system_error("cannot measure '" + path.string() + "'");
  return static_cast<std::int64_t>(info.f_bavail) * static_cast<std::int64_t>(info.f_frsize);
}

std::int64_t allocated_bytes(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return 0;
  return static_cast<std::int64_t>(info.st_blocks) * 512;
}

}  // namespace hlid::sys
