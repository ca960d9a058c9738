#include "node/task/tasks.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "base/text.h"
#include "node/task/task_index.h"
#include "wire/api_error.h"

namespace hlid::node::task {
namespace {

constexpr std::string_view kInterrupted = "received interrupt";
constexpr std::string_view kUnexpected = "unexpected status";

/// One task from its start to its end.
class Running : public TaskContext {
 public:
  Running(wire::Upid upid, Work work, const std::filesystem::path& log, std::size_t max_log_bytes)
      : upid_(std::move(upid)), work_(std::move(work)), log_(log, max_log_bytes) {}

  void log(std::string_view line) override { log_.line(line); }
  void warn(std::string_view line) override {
    ++warnings_;
    log_.line(fmt::format("WARN: {}", line));
  }
  std::stop_token stop_token() const override { return stop_.get_token(); }
  const wire::Upid& upid() const override { return upid_; }

  void request_stop() { stop_.request_stop(); }
  /// Does the work and returns how it ended; the log has its last line then.
  std::string run() {
    auto status = stop_.stop_requested() ? std::string(kInterrupted) : attempt();
    work_ = nullptr;  // what it holds (locks above all) goes before anybody sees that it has ended
    const bool failed = status != "OK" && status.rfind("WARNINGS: ", 0) != 0;
    log_.finish((failed ? "TASK ERROR: " : "TASK ") + status);
    return status;
  }

 private:
  std::string attempt() {
    try {
      work_(*this);
      return warnings_ == 0 ? "OK" : fmt::format("WARNINGS: {}", warnings_.load());
    } catch (const std::exception& failure) {
      if (stop_.stop_requested()) return std::string(kInterrupted);
      const std::string text(trim(replace_all(failure.what(), "\n", " ")));
      return text.empty() ? std::string("unknown error") : text;
    }
  }

  wire::Upid upid_;
  Work work_;
  LogWriter log_;
  std::stop_source stop_;
  std::atomic<int> warnings_{0};
};

using RunningPtr = std::shared_ptr<Running>;  // shared by its worker and by whoever stops it

std::string status_kind(const TaskEntry& entry) {
  if (entry.status == "OK") return "ok";
  if (entry.status.rfind("WARNINGS: ", 0) == 0) return "warning";
  return entry.status == kUnexpected ? "unknown" : "error";
}

bool owned_by(const std::string& user, const std::string& owner) {
  return user == owner || user.rfind(owner + "!", 0) == 0;
}

bool matches(const TaskEntry& entry, const TaskFilter& filter) {
  const auto& upid = entry.upid;
  if (filter.owner && !owned_by(upid.user, *filter.owner)) return false;
  if (!filter.user.empty() && !contains(to_lower(upid.user), to_lower(filter.user))) return false;
  if (!filter.type.empty() && upid.type != filter.type) return false;
  if (!filter.vmid.empty() && upid.id != filter.vmid) return false;
  if (filter.since && upid.start_time < *filter.since) return false;
  if (filter.until && upid.start_time > *filter.until) return false;
  if (filter.errors && (entry.running || entry.status == "OK")) return false;
  if (filter.status.empty()) return true;
  return !entry.running && std::count(filter.status.begin(), filter.status.end(), status_kind(entry)) != 0;
}

TaskEntry ended_entry(const IndexEntry& entry) {
  return {entry.upid, false, entry.status, entry.end_time};
}

wire::ApiError no_such_task() {
  return wire::parameter_error("upid", "no such task");
}

}  // namespace

struct Tasks::State {
  State(TasksOptions given, sys::Clock& time)
      : options(std::move(given)), clock(time), index(options.folder, options.keep) {}

  TasksOptions options;
  sys::Clock& clock;
  mutable std::mutex mutex;
  mutable std::condition_variable_any changed;
  TaskIndex index;
  std::list<RunningPtr> running;  ///< in the order of their starts, waiting ones too
  std::list<RunningPtr> waiting;
  std::uint64_t last_ticks = 0;
  int idle_workers = 0;
  bool closing = false;
  std::vector<std::jthread> workers;

  wire::Upid name_task(const std::string& type, const std::string& id, const std::string& user);
  void work();
  void finish(const RunningPtr& task, std::string status);
  RunningPtr find_running(const wire::Upid& upid) const;
  std::optional<TaskEntry> from_log(const wire::Upid& upid) const;
};

/// All tasks run in this process, so the pid says nothing; the "process start" is made unique instead.
wire::Upid Tasks::State::name_task(const std::string& type, const std::string& id, const std::string& user) {
  const auto since_boot =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock.now().time_since_epoch());
  last_ticks = std::max(last_ticks + 1, static_cast<std::uint64_t>(since_boot.count()) / 10);
  return {options.node, static_cast<std::uint32_t>(::getpid()),
          last_ticks,   static_cast<std::uint32_t>(clock.unix_seconds()),
          type,         id,
          user};
}

RunningPtr Tasks::State::find_running(const wire::Upid& upid) const {
  const auto found =
      std::find_if(running.begin(), running.end(), [&](const auto& task) { return task->upid() == upid; });
  return found == running.end() ? nullptr : *found;
}

/// A task that only its log remembers.
std::optional<TaskEntry> Tasks::State::from_log(const wire::Upid& upid) const {
  if (upid.node != options.node) return std::nullopt;
  const auto lines = read_log(log_path(options.folder, upid));
  if (!lines) return std::nullopt;
  return TaskEntry{upid, false, end_status(*lines), upid.start_time};
}

void Tasks::State::work() {
  std::unique_lock lock(mutex);
  while (true) {
    ++idle_workers;
    changed.wait(lock, [&] { return closing || !waiting.empty(); });
    --idle_workers;
    if (waiting.empty()) return;
    const auto task = waiting.front();
    waiting.pop_front();
    lock.unlock();
    auto status = task->run();
    lock.lock();
    finish(task, std::move(status));
  }
}

/// With the mutex held.
void Tasks::State::finish(const RunningPtr& task, std::string status) {
  running.remove(task);
  try {
    index.end({task->upid(), clock.unix_seconds(), std::move(status)}, running.size());
  } catch (const Error& failure) {
    log::error("task {}: {}", wire::to_string(task->upid()), failure.what());
  }
  changed.notify_all();
}

Tasks::Tasks(TasksOptions options, sys::Clock& clock)
    : state_(std::make_unique<State>(std::move(options), clock)) {}

Tasks::~Tasks() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->closing = true;
    for (const auto& task : state_->running) task->request_stop();
    state_->changed.notify_all();
  }
  state_->workers
      .clear();  // each ends once nothing waits; what still waits ends as interrupted without running
}

wire::Upid Tasks::start(const std::string& type, const std::string& id, const std::string& user, Work work) {
  const std::lock_guard lock(state_->mutex);
  const auto& options = state_->options;
  if (state_->closing) throw wire::failure("the node is shutting down");
  if (state_->waiting.size() >= static_cast<std::size_t>(options.max_waiting))
    throw wire::failure("too many tasks");
  const auto upid = state_->name_task(type, id, user);
  state_->index.began(upid);
  auto task =
      std::make_shared<Running>(upid, std::move(work), log_path(options.folder, upid), options.max_log_bytes);
  state_->running.push_back(task);
  state_->waiting.push_back(std::move(task));
  const bool need_worker = state_->idle_workers < static_cast<int>(state_->waiting.size());
  if (need_worker && state_->workers.size() < static_cast<std::size_t>(options.max_workers))
    state_->workers.emplace_back([state = state_.get()] { state->work(); });
  state_->changed.notify_all();
  return upid;
}

TaskEntry Tasks::status(const wire::Upid& upid) const {
  const std::lock_guard lock(state_->mutex);
  if (state_->find_running(upid)) return {upid, true, "", 0};
  if (const auto entry = state_->index.find(upid)) return ended_entry(*entry);
  if (const auto entry = state_->from_log(upid)) return *entry;
  throw no_such_task();
}

TaskLog Tasks::log(const wire::Upid& upid, int start, int limit) const {
  TaskLog log;
  const auto lines = read_log(log_path(state_->options.folder, upid));
  if (!lines || lines->empty()) {
    log.missing = !lines;
    log.lines.push_back({1, lines ? "no content" : "unable to open file - No such file or directory"});
    log.total = 1;
    return log;
  }
  log.total = static_cast<int>(lines->size());
  const int end =
      limit <= 0 ? log.total : std::min<int>(log.total, std::max(start, 0) + std::min(limit, log.total));
  for (int i = std::max(start, 0); i < end; ++i)
    log.lines.push_back({i + 1, (*lines)[static_cast<std::size_t>(i)]});
  return log;
}

TaskPage Tasks::list(const TaskFilter& filter) const {
  TaskPage page;
  const auto take = [&](TaskEntry entry) {
    if (!matches(entry, filter)) return;
    const int number = page.total++;
    if (number >= filter.start && number - filter.start < filter.limit)
      page.entries.push_back(std::move(entry));
  };
  const std::lock_guard lock(state_->mutex);
  if (filter.source != Source::archive)
    for (auto task = state_->running.rbegin(); task != state_->running.rend(); ++task)
      take({(*task)->upid(), true, "", 0});
  const auto& ended = state_->index.ended();
  if (filter.source != Source::active)
    for (auto entry = ended.rbegin(); entry != ended.rend(); ++entry) take(ended_entry(*entry));
  return page;
}

void Tasks::stop(const wire::Upid& upid) {
  const std::lock_guard lock(state_->mutex);
  const auto task = state_->find_running(upid);
  if (!task) {
    if (!state_->index.find(upid) && !state_->from_log(upid)) throw no_such_task();
    return;
  }
  task->request_stop();
  // One that no worker has taken yet ends here and now.
  const auto waits = std::find(state_->waiting.begin(), state_->waiting.end(), task);
  if (waits == state_->waiting.end()) return;
  state_->waiting.erase(waits);
  state_->finish(task, task->run());
}

bool Tasks::wait(const wire::Upid& upid, std::stop_token stop) const {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait(lock, stop, [&] { return !state_->find_running(upid); });
}

int Tasks::running() const {
  const std::lock_guard lock(state_->mutex);
  return static_cast<int>(state_->running.size());
}

wire::Upid require_upid(std::string_view text) {
  const auto upid = wire::parse_upid(text);
  if (!upid) throw wire::parameter_error("upid", "unable to parse worker upid");
  return *upid;
}

}  // namespace hlid::node::task
