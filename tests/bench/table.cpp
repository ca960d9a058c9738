#include "table.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

namespace hlid::bench {

namespace {
constexpr const char* kLine = "{:<44} {:<20} {:<24} {:<36} {}\n";
}

Table::Table() {
  fmt::print(kLine, "what", "budget", "measured", "yardstick", "");
}

void Table::add(const Row& row) {
  fmt::print(kLine, row.what, row.budget, row.measured, row.yardstick, row.within ? "pass" : "MISS");
  std::fflush(stdout);
  if (!row.within) ++misses_;
}

void Table::skip(const std::string& what, const std::string& why) {
  fmt::print("{:<44} not measured: {}\n", what, why);
  std::fflush(stdout);
}

double seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double median_seconds(int count, const std::function<void()>& work) {
  std::vector<double> times;
  for (int n = 0; n < count; ++n) times.push_back(seconds(work));
  std::ranges::sort(times);
  return times[times.size() / 2];
}

std::string in_ms(double time) {
  return fmt::format("{:.1f} ms", time * 1000);
}

}  // namespace hlid::bench
