#pragma once
#include <array>
#include <set>
#include <string>

namespace hlid::fake_rke2 {

/// A schedule of crontab(5): minute, hour, day of month, month, day of week; lists, ranges and steps.
class Cron {
 public:
  /// Throws Error(usage).
  explicit Cron(const std::string& text);
  bool matches(long long unix_seconds) const;

 private:
  std::array<std::set<int>, 5> fields_;
};

}  // namespace hlid::fake_rke2
