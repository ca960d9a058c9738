#include "node/service/host_status.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <thread>

#include "base/text.h"
#include "sys/clock.h"
#include "sys/files.h"

namespace hlid::node::service {
namespace {

constexpr std::int64_t kFreshMs = 1000;

std::string read_proc(const char* path) {
  return sys::read_file_if_exists(path).value_or("");
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  text = trim(text);
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// "MemTotal:  123 kB" -> bytes
std::int64_t meminfo(std::string_view text, std::string_view key) {
  const auto at = text.find(std::string(key) + ":");
  if (at == std::string_view::npos) return 0;
  return static_cast<std::int64_t>(
      number(text.substr(at + key.size() + 1, text.find('\n', at) - at - key.size() - 1)) << 10U);
}

}  // namespace

HostProcessors parse_cpuinfo(std::string_view text) {
  HostProcessors result;
  std::set<std::string> sockets;
  std::set<std::string> cores;
  std::string socket = "0";
  int count = 0;
  for (const std::string& line : split(text, '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string_view key = trim(std::string_view(line).substr(0, colon));
    const std::string value(trim(std::string_view(line).substr(colon + 1)));
    if (key == "processor") ++count;
    if (key == "model name") result.model = value;
    if (key == "cpu MHz") result.mhz = value;
    if (key == "flags") result.flags = value;
    if (key == "physical id") sockets.insert(socket = value);
    if (key == "core id") cores.insert(socket + "/" + value);
  }
  result.count = std::max(count, 1);
  result.sockets = std::max(1, static_cast<int>(sockets.size()));
  result.cores = cores.empty() ? result.count : static_cast<int>(cores.size()) / result.sockets;
  return result;
}

HostStatus::HostStatus(sys::Clock& clock, std::filesystem::path disk)
    : clock_(clock),
      disk_(std::move(disk)),
      processors_(parse_cpuinfo(read_proc("/proc/cpuinfo"))),
      ticks_(read_ticks()) {}

HostStatus::Ticks HostStatus::read_ticks() {
  const std::string text = read_proc("/proc/stat");
  const auto words = split_list(std::string_view(text).substr(0, text.find('\n')), " ");
  Ticks ticks;
  for (std::size_t i = 1; i < words.size() && i <= 8;
       ++i) {  // user nice system idle iowait irq softirq steal
    ticks.total += number(words[i]);
    if (i == 4) ticks.idle = number(words[i]);
    if (i == 5) ticks.wait = number(words[i]);
  }
  return ticks;
}

HostSample HostStatus::sample() const {
  const std::lock_guard lock(mutex_);
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now().time_since_epoch()).count();
  if (read_at_ms_ < 0 || now - read_at_ms_ >= kFreshMs) {
    refresh();
    read_at_ms_ = now;
  }
  return sample_;
}

void HostStatus::refresh() const {
  const std::string memory = read_proc("/proc/meminfo");
  sample_.memory_total = meminfo(memory, "MemTotal");
  sample_.memory_free = meminfo(memory, "MemAvailable");
  sample_.memory_used = sample_.memory_total - sample_.memory_free;
  sample_.swap_total = meminfo(memory, "SwapTotal");
  sample_.swap_free = meminfo(memory, "SwapFree");

  const Ticks ticks = read_ticks();
  const double total = static_cast<double>(ticks.total - ticks_.total);
  if (total > 0) {
    sample_.cpu = std::clamp(
        1.0 - static_cast<double>(ticks.idle - ticks_.idle + ticks.wait - ticks_.wait) / total, 0.0, 1.0);
    sample_.iowait = std::clamp(static_cast<double>(ticks.wait - ticks_.wait) / total, 0.0, 1.0);
    ticks_ = ticks;
  }
  const auto load = split_list(read_proc("/proc/loadavg"), " ");
  if (load.size() >= 3) sample_.load = {load[0], load[1], load[2]};
  sample_.uptime = static_cast<std::int64_t>(number(split(read_proc("/proc/uptime"), '.').front()));

  struct statvfs file_system = {};
  if (::statvfs(disk_.c_str(), &file_system) == 0) {
    const auto block = static_cast<std::int64_t>(file_system.f_frsize);
    sample_.disk_total = static_cast<std::int64_t>(file_system.f_blocks) * block;
    sample_.disk_free = static_cast<std::int64_t>(file_system.f_bfree) * block;
    sample_.disk_available = static_cast<std::int64_t>(file_system.f_bavail) * block;
  }
}

}  // namespace hlid::node::service
