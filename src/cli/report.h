#pragma once
#include <exception>
#include <string>

#include "base/error.h"
#include "cli/exit_code.h"

namespace hlid::cli {

/// Ends a command whose failure was told already.
class Told : public std::exception {
 public:
  explicit Told(Exit status) : status_(status) {}
  Exit status() const { return status_; }

 private:
  Exit status_;
};

/// What failed, in what, and the one thing to do:
///   hlid: outer: inner: message
///     fix: …
std::string describe(const Error& error);

}  // namespace hlid::cli
