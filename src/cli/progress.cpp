#include "cli/progress.h"

#include <algorithm>

#include "cli/terminal.h"

namespace hlid::cli {

ProgressStyle style_for(bool json) {
  if (json) return ProgressStyle::json;
  return wants_colour() ? ProgressStyle::live : ProgressStyle::plain;
}

std::unique_ptr<apply::Progress> make_progress(ProgressStyle style, const plan::Plan& plan) {
  switch (style) {
    case ProgressStyle::live:
      return make_live_progress(plan);
    case ProgressStyle::plain:
      return make_plain_progress(plan);
    case ProgressStyle::json:
      return make_json_progress();
  }
  return make_plain_progress(plan);
}

std::string doing(plan::StepKind kind) {
  return std::string(plan::words_of(kind).doing);
}

std::string doing(const plan::Step& step) {
  const auto own = step.details.find("doing");
  return own == step.details.end() ? doing(step.kind) : own->second;
}

std::string without_digits(const std::string& text) {
  auto rest = text;
  std::erase_if(rest, [](unsigned char c) { return c >= '0' && c <= '9'; });
  return rest;
}

}  // namespace hlid::cli
