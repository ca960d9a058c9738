#include "node/qemu/line_framer.h"

#include "base/error.h"

namespace hlid::node::qemu {

void LineFramer::feed(std::string_view bytes) {
  constexpr char kDelimiter = '\xff';
  while (!bytes.empty()) {
    const auto end = bytes.find_first_of("\n\xff");
    partial_ += bytes.substr(0, end);
    if (partial_.size() > limit_) throw Error(Errc::protocol, "a message is longer than {} bytes", limit_);
    if (end == std::string_view::npos) return;
    if (bytes[end] == kDelimiter) {
      partial_.clear();
      lines_.clear();
      ++delimiters_;
    } else {
      if (!partial_.empty() && partial_.back() == '\r') partial_.pop_back();
      if (!partial_.empty()) lines_.push_back(std::move(partial_));
      partial_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
}

std::optional<std::string> LineFramer::next() {
  if (lines_.empty()) return std::nullopt;
  std::string line = std::move(lines_.front());
  lines_.pop_front();
  return line;
}

}  // namespace hlid::node::qemu
