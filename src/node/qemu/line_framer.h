// Cuts a byte stream from QEMU's monitor or the guest agent into messages: one JSON text a line.
//
// Pure: bytes in, lines out, in any fragmentation (a fuzz target). Sources: QEMU docs/interop/qmp-spec.txt
// section 2 (messages end in CRLF) and docs/interop/qemu-ga.json, guest-sync-delimited (a reply is preceded
// by the byte 0xFF, which no JSON text holds; what came before it belongs to an earlier conversation).
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace hlid::node::qemu {

class LineFramer {
 public:
  /// A line of more than `limit` bytes is a protocol error: nothing of ours is ever that long.
  explicit LineFramer(std::size_t limit) : limit_(limit) {}

  /// Takes the next bytes. Throws Error(protocol) when a line grows over the limit; the framer is then done
  /// for.
  void feed(std::string_view bytes);
  /// The next whole line without its end, empty lines left out; nullopt when there is none yet.
  std::optional<std::string> next();
  /// The number of 0xFF bytes seen so far.
  std::size_t delimiters() const { return delimiters_; }

 private:
  std::size_t limit_;
  std::string partial_;
  std::deque<std::string> lines_;
  std::size_t delimiters_ = 0;
};

}  // namespace hlid::node::qemu
