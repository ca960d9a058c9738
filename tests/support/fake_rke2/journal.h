#pragma once
#include <string>
#include <string_view>

#include <fmt/format.h>

/// What the program says while it runs: one line an event on standard error, in the form of RKE2's own
/// (`time="…" level=info msg="…"`), because whoever watches the journal looks for those texts.
namespace hlid::fake_rke2::journal {

void write(std::string_view level, std::string_view message);

template <typename... Args>
void info(fmt::format_string<Args...> text, Args&&... args) {
  write("info", fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void warning(fmt::format_string<Args...> text, Args&&... args) {
  write("warning", fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> text, Args&&... args) {
  write("error", fmt::format(text, std::forward<Args>(args)...));
}
/// Says why and ends the process with status 1 at once, whatever other threads do.
[[noreturn]] void die(std::string_view message);
template <typename... Args>
[[noreturn]] void fatal(fmt::format_string<Args...> text, Args&&... args) {
  die(fmt::format(text, std::forward<Args>(args)...));
}

/// RFC 3339 in UTC, "2026-01-31T12:00:00Z".
std::string timestamp(long long unix_seconds);
std::string now();
long long unix_now();

}  // namespace hlid::fake_rke2::journal
