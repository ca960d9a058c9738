#pragma once
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace hlid {

/// What kind of failure it is; each maps to an exit status (cli/exit_code.h). What went wrong in
/// words is the message.
enum class Errc {
  failed,        ///< the work was tried and did not succeed
  usage,         ///< the command line is wrong
  spec,          ///< the homelab file is wrong
  denied,        ///< authentication or privilege
  precondition,  ///< something needed is missing, or the user has not confirmed
  not_found,
  conflict,  ///< exists already, locked, or changed by somebody else
  timeout,
  interrupted,  ///< Ctrl-C or a stop request
  io,           ///< a system call failed
  protocol,     ///< a peer answered what its protocol does not allow
  unsupported,
};

std::string_view to_string(Errc code);

/// The one exception of the project. The message says what failed and on what: lower case, no full
/// stop, names in single quotes. Frames added while unwinding say what was being done, outermost
/// last; an outer frame never repeats an inner text. `hint` is one thing the user can do.
class Error : public std::exception {
 public:
  template <typename... Args>
  Error(Errc code, fmt::format_string<Args...> text, Args&&... args)
      : Error(code, fmt::format(text, std::forward<Args>(args)...)) {}
  Error(Errc code, std::string message);

  Errc code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }
  const std::vector<std::string>& context() const { return context_; }

  /// Adds a hint (the first one wins: the innermost knows best) and returns *this for `throw`.
  Error& with_hint(std::string hint);
  Error& add_context(std::string frame);

  /// "outer: inner: message", in one line.
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  void render();

  Errc code_;
  std::string message_;
  std::string hint_;
  std::vector<std::string> context_;
  std::string what_;
};

/// Error(Errc::io) with the text of `errnum` (default: errno now).
Error system_error(std::string what, int errnum = -1);

/// Runs `work`; an Error that leaves it gets `frame` as context.
template <typename F>
decltype(auto) with_context(std::string_view frame, F&& work) {
  try {
    return std::forward<F>(work)();
  } catch (Error& error) {
    error.add_context(std::string(frame));
    throw;
  }
}

}  // namespace hlid
