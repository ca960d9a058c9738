#include "apply/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "sys/process.h"

namespace hlid::apply {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWaits = "wait-ready ";

/// Follows one run's events.
class Reading {
 public:
  void take(const json::object& event) {
    const auto kind = get_string(event, "event").value_or("");
    const auto step = get_string(event, "step").value_or("");
    if (kind == "begin") begin(event);
    if (kind == "started") left_.steps.insert(step);
    if (kind == "task") left_.tasks[step] = get_string(event, "upid").value_or("");
    if (kind == "failed") left_.tasks.erase(step);
    if (kind == "end" && get_bool(event, "complete").value_or(false)) left_ = {};
    if (kind == "finished") {
      left_.steps.erase(step);
      left_.tasks.erase(step);
    }
  }
  Unfinished left() const { return left_; }

 private:
  void begin(const json::object& event) {
    left_ = {};
    for (auto& id : strings(event, "left")) left_.steps.insert(std::move(id));
    for (auto& id : strings(event, "steps"))
      if (id.compare(0, kWaits.size(), kWaits) == 0) left_.steps.insert(std::move(id));
  }

  static std::vector<std::string> strings(const json::object& event, std::string_view key) {
    std::vector<std::string> out;
    const auto* list = event.if_contains(key);
    if (list == nullptr || !list->is_array()) return out;
    for (const auto& item : list->get_array())
      if (item.is_string()) out.emplace_back(item.get_string());
    return out;
  }

  Unfinished left_;
};

/// nullopt for a line that a crash cut short.
std::optional<json::object> parse_line(const std::string& line) {
  try {
    auto value = parse_json(line, "journal");
    if (value.is_object()) return std::move(value.as_object());
  } catch (const Error&) {
    return std::nullopt;
  }
  return std::nullopt;
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw system_error("cannot write the journal");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

sys::FileLock take_lock(const fs::path& folder) {
  auto lock = sys::FileLock::try_lock(folder / "lock");
  if (lock) return std::move(*lock);
  const auto holder = trim(sys::read_file_if_exists(folder / "holder").value_or(""));
  throw Error(Errc::conflict, "another hlid is at work on this lab{}",
              holder.empty() ? "" : fmt::format(" (process {})", holder))
      .with_hint("wait until it is done, or stop it");
}

}  // namespace

Unfinished unfinished_in(std::string_view text) {
  Reading reading;
  for (const auto& line : split(text, '\n'))
    if (const auto event = parse_line(line)) reading.take(*event);
  return reading.left();
}

Journal::Journal(fs::path folder, sys::Clock& clock) : folder_(std::move(folder)), clock_(clock) {
  sys::make_folder(folder_, 0700);
  lock_ = take_lock(folder_);
  sys::write_durable(folder_ / "holder", fmt::format("{}\n", sys::self_process_id().pid), 0600);
  earlier_ = unfinished_in(sys::read_file_if_exists(folder_ / "journal.jsonl").value_or(""));
}

json::object Journal::event(std::string_view kind, const plan::Step* step) const {
  json::object event{{"time", clock_.unix_seconds()}, {"event", kind}};
  if (step != nullptr) event["step"] = step->id;
  return event;
}

void Journal::begin(const plan::Plan& plan) {
  auto first = event("begin", nullptr);
  first["lab"] = plan.lab;
  json::array steps;
  for (const auto& step : plan.steps) steps.emplace_back(json::string(step.id));
  first["steps"] = std::move(steps);
  json::array left;  // an interruption before the first step must not lose what the run before left
  for (const auto& id : earlier_.steps) left.emplace_back(json::string(id));
  first["left"] = std::move(left);
  const std::lock_guard lock(mutex_);
  const auto path = folder_ / "journal.jsonl";
  sys::write_durable(path, to_text(first) + "\n", 0600);
  file_.reset(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!file_) throw system_error(fmt::format("cannot open '{}'", path.string()));
}

void Journal::append(const json::object& event) {
  const auto line = to_text(event) + "\n";
  const std::lock_guard lock(mutex_);
  if (!file_) throw Error(Errc::failed, "the journal was not begun");
  write_all(file_.get(), line);
  if (::fdatasync(file_.get()) != 0) throw system_error("cannot write the journal");
}

void Journal::started(const plan::Step& step) {
  append(event("started", &step));
}

void Journal::task(const plan::Step& step, const std::string& upid) {
  auto entry = event("task", &step);
  entry["upid"] = upid;
  append(entry);
}

void Journal::finished(const plan::Step& step) {
  append(event("finished", &step));
}

void Journal::failed(const plan::Step& step, const std::string& error) {
  auto entry = event("failed", &step);
  entry["error"] = error;
  append(entry);
}

void Journal::end(bool complete) {
  auto entry = event("end", nullptr);
  entry["complete"] = complete;
  append(entry);
}

}  // namespace hlid::apply
