#pragma once
#include <string>
#include <utility>

namespace hlid {

/// A value that no log, message or golden may show: it does not format, stream, compare or convert. Whoever
/// really needs it (the wire, a 0600 file) calls reveal(), which a reader can grep for.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  const std::string& reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

 private:
  std::string value_;
};

}  // namespace hlid
