#include "node/daemon/arguments.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/text.h"

namespace hlid::node::daemon {

Arguments::Arguments(const std::vector<std::string>& given, const std::vector<std::string>& options,
                     const std::vector<std::string>& switches) {
  const auto known = [](const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
  };
  for (auto word = given.begin(); word != given.end(); ++word) {
    if (*word == "--") {
      words_.insert(words_.end(), word + 1, given.end());
      return;
    }
    if (!word->starts_with("--")) {
      words_.push_back(*word);
    } else if (known(switches, word->substr(2))) {
      given_[word->substr(2)] = "";
    } else if (!known(options, word->substr(2))) {
      throw Error(Errc::usage, "unknown option '{}'", *word);
    } else if (word + 1 == given.end()) {
      throw Error(Errc::usage, "option '{}' needs a value", *word);
    } else {
      given_[word->substr(2)] = *(word + 1);
      ++word;
    }
  }
}

std::optional<std::string> Arguments::option(const std::string& name) const {
  const auto it = given_.find(name);
  return it == given_.end() ? std::nullopt : std::optional(it->second);
}

std::string Arguments::required(const std::string& name) const {
  if (auto value = option(name)) return *value;
  throw Error(Errc::usage, "option '--{}' is missing", name);
}

void Arguments::expect_words(std::size_t count, const std::string& usage) const {
  if (words_.size() != count) throw Error(Errc::usage, "usage: hlid-node {}", usage);
}

int parse_number(const std::string& text, int low, int high, const std::string& what) {
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size() || value < low || value > high)
    throw Error(Errc::usage, "{} '{}' is not a number from {} to {}", what, text, low, high);
  return value;
}

}  // namespace hlid::node::daemon
