#include "node/task/task_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>

#include "base/error.h"
#include "base/text.h"
#include "sys/files.h"

namespace hlid::node::task {
namespace {

constexpr std::size_t kReserve = 4096;  // for the last line
constexpr std::string_view kUnexpected = "unexpected status";

std::string one_line(std::string_view text) {
  std::string line(trim(text));
  for (char& c : line)
    if (c == '\n' || c == '\r' || c == '\0') c = ' ';
  return line;
}

}  // namespace

std::filesystem::path log_path(const std::filesystem::path& folder, const wire::Upid& upid) {
  return folder / std::string(1, "0123456789ABCDEF"[upid.start_time & 0xFU]) / wire::to_string(upid);
}

sys::UniqueFd open_append(const std::filesystem::path& path) {
  sys::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!fd) throw system_error("cannot open '" + path.string() + "'");
  return fd;
}

void append_line(const sys::UniqueFd& fd, std::string_view line) {
  std::string bytes(line);
  bytes += '\n';
  if (::write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    throw system_error("cannot write the task list");
}

LogWriter::LogWriter(const std::filesystem::path& path, std::size_t max_bytes)
    : fd_(open_append(path)), left_(max_bytes) {}

void LogWriter::write(std::string_view text) {
  std::string bytes(text);
  bytes += '\n';
  // A log that cannot be written (disk full) must not make the work fail.
  [[maybe_unused]] const auto wrote = ::write(fd_.get(), bytes.data(), bytes.size());
}

void LogWriter::line(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (full_) return;
  full_ = text.size() >= left_;
  if (full_) return write("(the rest of this log was dropped: it is too long)");
  left_ -= text.size() + 1;
  write(text);
}

void LogWriter::finish(std::string_view text) {
  const std::lock_guard lock(mutex_);
  write(one_line(text.substr(0, kReserve)));
}

std::optional<std::vector<std::string>> read_log(const std::filesystem::path& path) {
  const auto text = sys::read_file_if_exists(path);
  if (!text) return std::nullopt;
  auto lines = split(*text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::string end_status(const std::vector<std::string>& lines) {
  if (lines.empty()) return std::string(kUnexpected);
  const std::string_view last = lines.back();
  constexpr std::string_view kError = "TASK ERROR: ", kWarnings = "TASK WARNINGS: ";
  if (last == "TASK OK") return "OK";
  if (last.rfind(kError, 0) == 0) return std::string(last.substr(kError.size()));
  if (last.rfind(kWarnings, 0) == 0) return std::string(last.substr(5));
  return std::string(kUnexpected);
}

std::string print_index_line(const IndexEntry& entry) {
  return fmt::format("{} {:08X} {}", wire::to_string(entry.upid), entry.end_time, one_line(entry.status));
}

std::optional<IndexEntry> parse_index_line(std::string_view line) {
  const auto first = line.find(' ');
  const auto second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  IndexEntry entry;
  const auto upid = wire::parse_upid(line.substr(0, first));
  const auto time = line.substr(first + 1, second - first - 1);
  const auto [end, failure] = std::from_chars(time.data(), time.data() + time.size(), entry.end_time, 16);
  if (!upid || failure != std::errc{} || end != time.data() + time.size() || time.empty())
    return std::nullopt;
  entry.upid = *upid;
  entry.status = line.substr(second + 1);
  if (entry.status.empty()) return std::nullopt;
  return entry;
}

}  // namespace hlid::node::task
