// The command line of hlid-node: few options, read by hand, because the program is internal but for a handful
// of words.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hlid::node::daemon {

/// `--name value` pairs, `--switch`es and the words between them; all after a lone `--` are words.
class Arguments {
 public:
  /// `options` take a value, `switches` none. Throws Error(usage) for others, or for an option without its
  /// value.
  Arguments(const std::vector<std::string>& given, const std::vector<std::string>& options,
            const std::vector<std::string>& switches = {});

  std::optional<std::string> option(const std::string& name) const;
  /// Throws Error(usage) when it was not given.
  std::string required(const std::string& name) const;
  bool has(const std::string& name) const { return given_.contains(name); }
  const std::vector<std::string>& words() const { return words_; }
  /// Throws Error(usage) unless there are `count` words.
  void expect_words(std::size_t count, const std::string& usage) const;

 private:
  std::map<std::string, std::string> given_;
  std::vector<std::string> words_;
};

/// A number in [low, high]; throws Error(usage) that names `what`.
int parse_number(const std::string& text, int low, int high, const std::string& what);

}  // namespace hlid::node::daemon
