#pragma once
#include <cstdint>
#include <string>
#include <vector>

/// systemd's manager without systemctl, whose start alone costs a second on an emulated processor: D-Bus
/// messages on the manager's own socket (D-Bus specification, "Message Format" and "Authentication Protocol";
/// org.freedesktop.systemd1(5)).
namespace hlid::guest {

/// The call StartUnit(unit, "replace") as it goes over the wire, little endian.
std::string start_unit_message(std::uint32_t serial, const std::string& unit);

/// Has the manager start the units, all in one go; jobs are queued when it returns, not done. What the
/// manager refuses is in the result, one line a unit; empty: all is well.
std::vector<std::string> start_units(const std::vector<std::string>& units);

}  // namespace hlid::guest
