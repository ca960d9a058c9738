#include "guest/systemd.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "guest/dbus.h"

namespace hlid::guest {
namespace {

using dbus::body_of;
using dbus::next_text;
using dbus::text_at;

constexpr const char* kSocket = "/run/systemd/private";

}  // namespace

void Jobs::take(const std::string& message) {
  const auto call = calls_.find(dbus::reply_serial(message));
  const auto type = dbus::type_of(message);
  if (type == dbus::kSignal && message.find("JobRemoved") < body_of(message)) {
    end_job(message);
  } else if (call != calls_.end() && type == dbus::kMethodReturn) {
    const auto job = text_at(message, body_of(message));
    if (!ended_.contains(job)) running_[job] = call->second;
    calls_.erase(call);
  } else if (call != calls_.end() && type == dbus::kError) {
    failures_.push_back("cannot start " + call->second + ": " + text_at(message, body_of(message)));
    calls_.erase(call);
  }
}

void Jobs::end_job(const std::string& message) {
  const auto at = body_of(message) + 4;  // after its id
  const auto job = text_at(message, at);
  const auto unit = text_at(message, next_text(message, at));
  const auto result = text_at(message, next_text(message, next_text(message, at)));
  ended_.insert(job);  // the reply to the call may come after this
  if (running_.erase(job) > 0 && result != "done") failures_.push_back(unit + " does not start: " + result);
}

std::string start_unit_message(std::uint32_t serial, const std::string& unit) {
  std::string body;
  dbus::put_text(body, unit);
  dbus::put_text(body, "replace");
  return dbus::call_message(serial,
                            {.destination = "org.freedesktop.systemd1",
                             .path = "/org/freedesktop/systemd1",
                             .interface = "org.freedesktop.systemd1.Manager",
                             .member = "StartUnit",
                             .signature = "ss"},
                            body);
}

std::vector<std::string> start_units(const std::vector<std::string>& units) {
  dbus::Connection manager;
  if (!manager.open(kSocket))
    return {"cannot reach the service manager: " + std::string(std::strerror(errno))};
  std::map<std::uint32_t, std::string> waiting;
  std::string calls;
  for (const auto& unit : units) {
    const auto serial = static_cast<std::uint32_t>(waiting.size() + 1);
    calls += start_unit_message(serial, unit);
    waiting[serial] = unit;
  }
  if (!manager.send(calls)) return {"cannot call the service manager"};
  Jobs jobs(std::move(waiting));
  while (!jobs.over()) {
    const auto message = manager.receive();
    if (message.empty()) return {"the service manager does not answer"};
    jobs.take(message);
  }
  return jobs.failures();
}

}  // namespace hlid::guest
