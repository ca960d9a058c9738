#pragma once
#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "sys/unique_fd.h"

namespace hlid::sys {

namespace fs = std::filesystem;

/// The whole file. Throws Error: not_found when absent, io otherwise. `most` bounds what is read (Error io).
std::string read_file(const fs::path& path, std::size_t most = 64U << 20);
/// nullopt when it does not exist.
std::optional<std::string> read_file_if_exists(const fs::path& path, std::size_t most = 64U << 20);

/// Replaces `path` so that at every moment, kill -9 and power cut included, it holds the old or the new
/// content: temporary file in the same folder, fsync, rename, fsync of the folder.
void write_durable(const fs::path& path, std::string_view content, mode_t mode = 0644);
/// Gives a finished file its name: fsync of the file, rename (both in one file system), fsync of the folder.
void move_durable(const fs::path& from, const fs::path& to);
/// Removes a file and fsyncs its folder; absent is fine.
void remove_durable(const fs::path& path);
/// Creates the folder and its parents; the last one with `mode`.
void make_folder(const fs::path& path, mode_t mode = 0755);

/// An advisory lock (flock) on a file that it creates, held until destroyed; the kernel frees it when the
/// process dies. Not inherited by children.
class FileLock {
 public:
  /// nullopt when somebody else holds it.
  static std::optional<FileLock> try_lock(const fs::path& path);
  /// Waits; `timeout_seconds` < 0 for ever. Throws Error(timeout).
  static FileLock lock(const fs::path& path, double timeout_seconds);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

/// A new folder under $TMPDIR (or /tmp), removed with all it holds when destroyed. Its path is short, for
/// sockets in it.
class TempFolder {
 public:
  explicit TempFolder(std::string_view prefix = "hlid");
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder();
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// Bytes that an ordinary user can still write on the file system of `path`.
std::int64_t free_bytes(const fs::path& path);
/// Bytes really taken on disk (st_blocks), 0 when absent.
std::int64_t allocated_bytes(const fs::path& path);

}  // namespace hlid::sys
