#include "cli/report.h"

namespace hlid::cli {

std::string describe(const Error& error) {
  std::string text = std::string("hlid: ") + error.what();
  if (!error.hint().empty()) text += "\n  fix: " + error.hint();
  return text;
}

}  // namespace hlid::cli
