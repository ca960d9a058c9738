#include "support/fake_rke2/faults.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>

#include "base/text.h"
#include "support/fake_rke2/journal.h"
#include "support/fake_rke2/layout.h"
#include "sys/files.h"

namespace hlid::fake_rke2::faults {
namespace {

const fs::path kCounters = "/run/rke2-fake";

}  // namespace

std::optional<std::string> value(std::string_view name) {
  const auto text = sys::read_file_if_exists(kFaultsFile);
  if (!text) return std::nullopt;
  for (const auto& line : split(*text, '\n')) {
    const auto parts = split(trim(line), '=');
    if (trim(parts[0]) == name) return parts.size() > 1 ? std::string(trim(parts[1])) : std::string();
  }
  return std::nullopt;
}

bool has(std::string_view name) {
  return value(name).has_value();
}

int number(std::string_view name, int otherwise) {
  const auto text = value(name);
  return text && !text->empty() ? std::atoi(text->c_str()) : otherwise;
}

bool spend(std::string_view name) {
  if (!has(name)) return false;
  sys::make_folder(kCounters);
  const auto file = kCounters / name;
  const int spent = std::atoi(sys::read_file_if_exists(file).value_or("0").c_str());
  if (spent >= number(name, 1)) return false;
  sys::write_durable(file, std::to_string(spent + 1));
  return true;
}

void after_step(std::string_view step) {
  if (value("kill_after_step") != std::string(step)) return;
  sys::make_folder(kCounters);
  const auto file = kCounters / ("killed-" + std::string(step));
  if (sys::read_file_if_exists(file)) return;
  sys::write_durable(file, "");
  journal::warning("fault kill_after_step={}", step);
  ::kill(::getpid(), SIGKILL);
}

}  // namespace hlid::fake_rke2::faults
