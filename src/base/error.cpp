#include "base/error.h"

#include <cerrno>
#include <system_error>

namespace hlid {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::failed:
      return "failed";
    case Errc::usage:
      return "usage";
    case Errc::spec:
      return "spec";
    case Errc::denied:
      return "denied";
    case Errc::precondition:
      return "precondition";
    case Errc::not_found:
      return "not_found";
    case Errc::conflict:
      return "conflict";
    case Errc::timeout:
      return "timeout";
    case Errc::interrupted:
      return "interrupted";
    case Errc::io:
      return "io";
    case Errc::protocol:
      return "protocol";
    case Errc::unsupported:
      return "unsupported";
  }
  return "unknown";
}

Error::Error(Errc code, std::string message) : code_(code), message_(std::move(message)) {
  render();
}

Error& Error::with_hint(std::string hint) {
  if (hint_.empty()) hint_ = std::move(hint);
  return *this;
}

Error& Error::add_context(std::string frame) {
  context_.push_back(std::move(frame));
  render();
  return *this;
}

void Error::render() {
  what_.clear();
  for (auto frame = context_.rbegin(); frame != context_.rend(); ++frame) what_ += *frame + ": ";
  what_ += message_;
}

Error system_error(std::string what, int errnum) {
  const int number = errnum < 0 ? errno : errnum;
  return {Errc::io, "{}: {}", what, std::generic_category().message(number)};
}

}  // namespace hlid
