#include "wire/size.h"

#include "base/text.h"

namespace hlid::wire {

std::optional<Bytes> parse_size(std::string_view text) {
  if (contains(text, "i") || contains(text, "B")) return std::nullopt;
  return parse_bytes(text);
}

std::string print_size(Bytes size) {
  std::string text = to_string(size);
  for (const std::string_view unit : {"iB", "B"})
    if (text.ends_with(unit)) text.resize(text.size() - unit.size());
  return text;
}

}  // namespace hlid::wire
