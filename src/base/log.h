#pragma once
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

/// The log of the programs: levels from the reader's point of view. `error`: something the user asked for
/// failed; `warn`: works, but not as one would expect; `info`: what a calm operator wants to see; `debug`:
/// what a developer needs. Library code stays at debug; the program that handles an error logs it once.
namespace hlid::log {

enum class Level { debug, info, warn, error, off };

void set_level(Level level);
/// Appends to a file (created 0600) instead of standard error.
void to_file(const std::string& path);
void write(Level level, std::string_view text);
bool enabled(Level level);

template <typename... Args>
void debug(fmt::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::debug)) write(Level::debug, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void info(fmt::format_string<Args...> text, Args&&... args) {
  write(Level::info, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void warn(fmt::format_string<Args...> text, Args&&... args) {
  write(Level::warn, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> text, Args&&... args) {
  write(Level::error, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace hlid::log
