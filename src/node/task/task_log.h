#pragma once
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/unique_fd.h"
#include "wire/upid.h"

/// The files of tasks: one log each and the index of ended ones, in Proxmox's format.
namespace hlid::node::task {

std::filesystem::path log_path(const std::filesystem::path& folder, const wire::Upid& upid);

/// Appends to one task's log; bounded, thread-safe.
class LogWriter {
 public:
  /// Creates the file (0600). Throws Error(io).
  LogWriter(const std::filesystem::path& path, std::size_t max_bytes);
  void line(std::string_view text);
  /// The last line, written whatever the bound.
  void finish(std::string_view text);

 private:
  void write(std::string_view text);
  std::mutex mutex_;
  sys::UniqueFd fd_;
  std::size_t left_;
  bool full_ = false;
};

/// The lines of a log; nullopt when there is no such file.
std::optional<std::vector<std::string>> read_log(const std::filesystem::path& path);
/// What the last line of a log says about the end: "OK", "WARNINGS: N" or an error's text; "unexpected
/// status" when it does not say.
std::string end_status(const std::vector<std::string>& lines);

struct IndexEntry {
  wire::Upid upid;
  std::int64_t end_time = 0;
  std::string status;
};
/// "UPID %08X STATUS".
std::string print_index_line(const IndexEntry& entry);
/// nullopt for a line that is none (torn by a power cut).
std::optional<IndexEntry> parse_index_line(std::string_view line);

/// Appends to a small file that others only read; created 0600. Throws Error(io).
void append_line(const sys::UniqueFd& fd, std::string_view line);
sys::UniqueFd open_append(const std::filesystem::path& path);

}  // namespace hlid::node::task
