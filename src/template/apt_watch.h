#pragma once
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "template/release.h"

namespace hlid::templates {

/// Follows what mmdebstrap, apt and dpkg print: how far they are, and what went wrong.
class AptWatch {
 public:
  using Progress = std::function<void(const std::string&)>;
  explicit AptWatch(Progress progress) : progress_(std::move(progress)) {}

  void on_line(const std::string& line);

  /// The failure in the user's words, with what is to blame by its name: the package, or the address that
  /// does not answer. `describe` is how the program itself ended.
  Error failure(const Release& release, const std::string& describe) const;

 private:
  void report();

  Progress progress_;
  int wanted_ = 0;
  int fetched_ = 0;
  int installed_ = 0;
  std::string shown_;
  std::vector<std::string> bad_;  ///< lines that apt, dpkg and mmdebstrap mark as errors
  std::string broken_package_;    ///< "dpkg: error processing package …"
};

}  // namespace hlid::templates
