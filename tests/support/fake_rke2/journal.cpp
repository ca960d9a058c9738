#include "support/fake_rke2/journal.h"

#include <unistd.h>

#include <ctime>

namespace hlid::fake_rke2::journal {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + '"';
}

}  // namespace

void write(std::string_view level, std::string_view message) {
  const auto line = fmt::format("time=\"{}\" level={} msg={}\n", now(), level, quoted(message));
  // One write(2) a line: other threads and processes write to the same stream.
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

void die(std::string_view message) {
  write("fatal", message);
  ::_exit(1);
}

std::string timestamp(long long unix_seconds) {
  const auto seconds = static_cast<std::time_t>(unix_seconds);
  std::tm fields{};
  ::gmtime_r(&seconds, &fields);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &fields);
  return text;
}

std::string now() {
  return timestamp(unix_now());
}

long long unix_now() {
  return static_cast<long long>(::time(nullptr));
}

}  // namespace hlid::fake_rke2::journal
