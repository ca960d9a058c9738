#pragma once
#include <string>
#include <vector>

namespace hlid {

/// A place in a text file; lines and columns count from 1, 0 means unknown.
struct Position {
  std::string file;
  int line = 0;
  int column = 0;
  auto operator<=>(const Position&) const = default;
};

enum class Severity { error, warning };

struct Diagnostic {
  Severity severity = Severity::error;
  Position at;
  std::string message;
  std::string hint;     ///< one thing to do; may be empty
  bool secret = false;  ///< the text at `at` is a secret: no excerpt shows the line from there on
};

/// All that is wrong with one input, collected rather than stopped at the first.
class Diagnostics {
 public:
  void error(Position at, std::string message, std::string hint = {});
  void warning(Position at, std::string message, std::string hint = {});
  /// An error about a value that must not be shown.
  void secret_error(Position at, std::string message, std::string hint = {});
  bool has_errors() const;
  const std::vector<Diagnostic>& all() const { return all_; }

  /// In the order of the file: "file:line:column: error: message", the line itself with a caret where
  /// `source` (the file's text) is given, and "  hint: …".
  std::string render(const std::string& source = {}) const;

 private:
  std::vector<Diagnostic> all_;
};

}  // namespace hlid
