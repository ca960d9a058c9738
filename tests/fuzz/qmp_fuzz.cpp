// QMP and agent framing: the pieces that bytes come in make no difference, no line is over the limit, and
// every line is JSON or is refused as such.
#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "law.h"
#include "node/qemu/line_framer.h"

namespace {

constexpr std::size_t kLimit = 4096;

struct Seen {
  std::vector<std::string> lines;
  std::size_t delimiters = 0;
  bool refused = false;
  bool operator==(const Seen&) const = default;
};

Seen frame(std::string_view bytes, std::size_t piece) {
  hlid::node::qemu::LineFramer framer(kLimit);
  Seen seen;
  try {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size())))
      framer.feed(bytes.substr(0, piece));
  } catch (const hlid::Error& error) {
    LAW(error.code() == hlid::Errc::protocol);
    seen.refused = true;
    return seen;
  }
  while (auto line = framer.next()) {
    LAW(line->size() <= kLimit && !line->empty());
    seen.lines.push_back(*line);
  }
  seen.delimiters = framer.delimiters();
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto bytes = as_text(data, size);
  const Seen whole = frame(bytes, bytes.size());
  const Seen pieces = frame(bytes, 3);
  LAW(whole.refused == pieces.refused);
  if (!whole.refused) LAW(whole == pieces);
  for (const auto& line : whole.lines) {
    try {
      hlid::parse_json(line);
    } catch (const hlid::Error& error) {
      LAW(error.code() == hlid::Errc::protocol);
    }
  }
  return 0;
}
