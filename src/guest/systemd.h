#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

/// systemd's manager without systemctl: D-Bus messages on the manager's own socket
/// (org.freedesktop.systemd1(5)).
namespace hlid::guest {

/// The call StartUnit(unit, "replace") as it goes over the wire, little endian.
std::string start_unit_message(std::uint32_t serial, const std::string& unit);

/// Calls that wait for their reply, and the jobs that those began. A job's end is a signal that every
/// connection to the manager's own socket gets (JobRemoved: id, job, unit, result).
class Jobs {
 public:
  /// `calls`: serial → unit.
  explicit Jobs(std::map<std::uint32_t, std::string> calls) : calls_(std::move(calls)) {}

  void take(const std::string& message);
  bool over() const { return calls_.empty() && running_.empty(); }
  /// One line a unit that was refused or did not start.
  const std::vector<std::string>& failures() const { return failures_; }

 private:
  void end_job(const std::string& message);

  std::map<std::uint32_t, std::string> calls_;
  std::map<std::string, std::string> running_;  // job → unit
  std::set<std::string> ended_;
  std::vector<std::string> failures_;
};

/// Has the manager start the units, all in one go, and waits until the last has started. What the manager
/// refuses and what does not start is in the result, one line a unit; empty: all is well.
std::vector<std::string> start_units(const std::vector<std::string>& units);

}  // namespace hlid::guest
