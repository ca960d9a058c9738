// What the node's machine is and how it does, from /proc, as the API shows it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

namespace hlid::sys {
class Clock;
}

namespace hlid::node::service {

struct HostSample {
  double cpu = 0;  ///< share of all processors' time that was used since the sample before
  double iowait = 0;
  std::int64_t memory_total = 0;
  std::int64_t memory_used = 0;
  std::int64_t memory_free = 0;
  std::int64_t swap_total = 0;
  std::int64_t swap_free = 0;
  std::int64_t disk_total = 0;
  std::int64_t disk_free = 0;       ///< free blocks
  std::int64_t disk_available = 0;  ///< of which an ordinary user can have
  std::int64_t uptime = 0;
  std::vector<std::string> load = {"0.00", "0.00", "0.00"};
};

struct HostProcessors {
  int count = 1;
  int cores = 1;
  int sockets = 1;
  std::string model;
  std::string mhz;
  std::string flags;
};

/// Reads at most once a second; what lies between gets the last sample. Thread-safe.
class HostStatus {
 public:
  HostStatus(sys::Clock& clock, std::filesystem::path disk);
  HostSample sample() const;
  const HostProcessors& processors() const { return processors_; }

 private:
  struct Ticks {
    std::uint64_t total = 0;
    std::uint64_t idle = 0;
    std::uint64_t wait = 0;
  };
  static Ticks read_ticks();
  void refresh() const;  // with mutex_ held

  sys::Clock& clock_;
  std::filesystem::path disk_;
  HostProcessors processors_;
  mutable std::mutex mutex_;
  mutable HostSample sample_;
  mutable Ticks ticks_;
  mutable std::int64_t read_at_ms_ = -1;
};

/// The fields of /proc/cpuinfo that matter.
HostProcessors parse_cpuinfo(std::string_view text);

}  // namespace hlid::node::service
