#pragma once
#include <optional>
#include <string>
#include <string_view>

/// Failures on demand, for tests: lines `name` or `name=value` in /etc/rke2-fake/faults, read anew each time.
/// docs/testing.md lists them.
namespace hlid::fake_rke2::faults {

bool has(std::string_view name);
std::optional<std::string> value(std::string_view name);
int number(std::string_view name, int otherwise);

/// True `number(name)` times (counted per boot in /run/rke2-fake), then false.
bool spend(std::string_view name);

/// A step of the start is done: kill_after_step=<step> ends the process here as SIGKILL would, once a boot.
void after_step(std::string_view step);

}  // namespace hlid::fake_rke2::faults
