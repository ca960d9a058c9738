#include "node/task/task_index.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "base/error.h"
#include "base/text.h"
#include "sys/files.h"

namespace hlid::node::task {
namespace {

constexpr std::size_t kMaxIndexBytes = 64U << 20;

std::int64_t modified(const std::filesystem::path& path, std::int64_t otherwise) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mtim.tv_sec : otherwise;
}

}  // namespace

TaskIndex::TaskIndex(std::filesystem::path folder, int keep)
    : folder_(std::move(folder)), keep_(static_cast<std::size_t>(std::max(keep, 1))) {
  sys::make_folder(folder_, 0700);
  for (const char digit : std::string("0123456789ABCDEF"))
    sys::make_folder(folder_ / std::string(1, digit), 0700);
  load();
  index_ = open_append(folder_ / "index");
  settle();
  active_ = open_append(folder_ / "active");
}

void TaskIndex::load() {
  const auto text = sys::read_file_if_exists(folder_ / "index", kMaxIndexBytes).value_or("");
  for (const auto& line : split(text, '\n'))
    if (auto entry = parse_index_line(line)) ended_.push_back(std::move(*entry));
  const bool torn = !text.empty() && text.back() != '\n';
  if (torn || ended_.size() > keep_) compact();
  if (!ended_.empty()) remove_logs_before(ended_.front().upid.start_time);
}

void TaskIndex::settle() {
  const auto text = sys::read_file_if_exists(folder_ / "active", kMaxIndexBytes).value_or("");
  for (const auto& line : split(text, '\n')) {
    const auto upid = wire::parse_upid(line);
    if (!upid || find(*upid)) continue;
    const auto path = log_path(folder_, *upid);
    const auto lines = read_log(path).value_or(std::vector<std::string>{});
    IndexEntry entry{*upid, modified(path, upid->start_time), end_status(lines)};
    append_line(index_, print_index_line(entry));
    ended_.push_back(std::move(entry));
  }
  sys::remove_durable(folder_ / "active");
}

std::optional<IndexEntry> TaskIndex::find(const wire::Upid& upid) const {
  // From the newest: nearly all questions are about tasks that have just ended.
  const auto found =
      std::find_if(ended_.rbegin(), ended_.rend(), [&](const auto& entry) { return entry.upid == upid; });
  return found == ended_.rend() ? std::nullopt : std::optional(*found);
}

void TaskIndex::began(const wire::Upid& upid) {
  append_line(active_, wire::to_string(upid));
}

void TaskIndex::end(IndexEntry entry, std::size_t still_running) {
  append_line(index_, print_index_line(entry));
  ended_.push_back(std::move(entry));
  if (still_running == 0 && ::ftruncate(active_.get(), 0) != 0)
    throw system_error("cannot truncate the task list");
  if (ended_.size() > keep_ + keep_ / 4) compact();
}

void TaskIndex::compact() {
  std::error_code ignored;
  while (ended_.size() > keep_) {
    std::filesystem::remove(log_path(folder_, ended_.front().upid), ignored);
    ended_.pop_front();
  }
  std::string text;
  for (const auto& entry : ended_) text += print_index_line(entry) + "\n";
  sys::write_durable(folder_ / "index", text, 0600);
  if (index_) index_ = open_append(folder_ / "index");
}

/// Logs that no list knows any more (their index lines were lost in a power cut).
void TaskIndex::remove_logs_before(std::uint32_t start_time) {
  std::error_code ignored;
  for (const char digit : std::string("0123456789ABCDEF"))
    for (const auto& file : std::filesystem::directory_iterator(folder_ / std::string(1, digit), ignored)) {
      const auto upid = wire::parse_upid(file.path().filename().string());
      if (upid && upid->start_time < start_time && !find(*upid))
        std::filesystem::remove(file.path(), ignored);
    }
}

}  // namespace hlid::node::task
