#include "support/fake_rke2/cron.h"

#include <cstdlib>
#include <ctime>

#include "base/error.h"
#include "base/text.h"

namespace hlid::fake_rke2 {
namespace {

std::set<int> parse_field(const std::string& text, int least, int most) {
  std::set<int> out;
  for (const auto& part : split(text, ',')) {
    const auto slash = part.find('/');
    const int step = slash == std::string::npos ? 1 : std::atoi(part.substr(slash + 1).c_str());
    const auto range = part.substr(0, slash);
    int from = least;
    int to = most;
    if (range != "*") {
      const auto dash = range.find('-');
      from = std::atoi(range.c_str());
      to = dash != std::string::npos ? std::atoi(range.substr(dash + 1).c_str())
                                     : (slash == std::string::npos ? from : most);
    }
    if (step < 1 || from < least || to > most || from > to)
      throw Error(Errc::usage, "failed to parse schedule field {}", part);
    for (int value = from; value <= to; value += step) out.insert(value);
  }
  return out;
}

}  // namespace

Cron::Cron(const std::string& text) {
  const auto fields = split_list(text, " \t");
  if (fields.size() != 5)
    throw Error(Errc::usage, "expected exactly 5 fields, found {}: {}", fields.size(), text);
  constexpr std::array<std::pair<int, int>, 5> kLimits{{{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 6}}};
  for (std::size_t i = 0; i < 5; ++i)
    fields_[i] = parse_field(fields[i], kLimits[i].first, kLimits[i].second);
}

bool Cron::matches(long long unix_seconds) const {
  const auto seconds = static_cast<std::time_t>(unix_seconds);
  std::tm time{};
  ::localtime_r(&seconds, &time);
  return fields_[0].contains(time.tm_min) && fields_[1].contains(time.tm_hour) &&
         fields_[2].contains(time.tm_mday) && fields_[3].contains(time.tm_mon + 1) &&
         fields_[4].contains(time.tm_wday);
}

}  // namespace hlid::fake_rke2
