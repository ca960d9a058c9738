#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <mutex>

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "base/error.h"

namespace hlid::log {
namespace {

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

/// Standard output belongs to the programs' answers, so the log starts on standard error.
void use_standard_error() {
  static std::once_flag once;
  std::call_once(once, [] { spdlog::set_default_logger(spdlog::stderr_color_mt("hlid")); });
}

}  // namespace

void set_level(Level level) {
  use_standard_error();
  spdlog::set_level(spdlog_level(level));
}

void to_file(const std::string& path) {
  use_standard_error();
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) throw system_error("cannot open log file '" + path + "'");
  ::close(fd);
  auto logger = spdlog::basic_logger_mt(path, path);
  logger->set_level(spdlog::default_logger()->level());
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void write(Level level, std::string_view text) {
  use_standard_error();
  spdlog::log(spdlog_level(level), spdlog::string_view_t{text.data(), text.size()});
}

bool enabled(Level level) {
  return spdlog::should_log(spdlog_level(level));
}

}  // namespace hlid::log
