#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "guest/identity.h"

namespace hlid::guest {

/// One value of the warm copy and what stands in its place. A line that holds a listed value is repeated for
/// each of `values`, and dropped when there is none.
struct Substitution {
  std::string warm;
  std::vector<std::string> values;
  bool whole_lines = false;
};

/// In the order in which they have to be applied (longer values before those they contain).
std::vector<Substitution> substitutions(const Identity& identity);
/// Pure: the text of a file of the warm copy → the same file of this machine.
std::string personalise(std::string text, const std::vector<Substitution>& all);
/// The same for JSON, where a list's values are strings side by side and a text's lines end in "\n".
std::string personalise_json(std::string text, const std::vector<Substitution>& all);
/// The line of `user` in shadow(5) with this password hash, all others untouched; "" locks it ("!").
std::string with_password(const std::string& shadow, const std::string& user, const std::string& hash);

}  // namespace hlid::guest
