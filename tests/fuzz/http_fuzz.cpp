// The HTTP decoder: any bytes, in any pieces, give the same requests; limits hold; forms decode and encode
// back.
#include <algorithm>
#include <string>
#include <vector>

#include "law.h"
#include "net/http.h"
#include "net/request_decoder.h"

namespace {

using hlid::net::RequestDecoder;
constexpr std::size_t kMaxHead = 8192;
constexpr int kMaxLines = 64;

struct Seen {
  std::vector<std::string> requests;
  bool failed = false;
};

std::string text_of(const hlid::net::ServerRequest& request) {
  std::string text = request.method + " " + request.target;
  for (const auto& [name, value] : request.headers) text += "\n" + name + ": " + value;
  return text + "\n\n" + request.body;
}

/// As the server's connection does it: what one call leaves is offered again with the next piece.
Seen decode(std::string_view bytes, std::size_t piece) {
  RequestDecoder decoder(kMaxHead, kMaxLines);
  Seen seen;
  std::string waiting;
  while (!bytes.empty()) {
    const auto count = std::min(piece, bytes.size());
    waiting += bytes.substr(0, count);
    bytes.remove_prefix(count);
    while (!waiting.empty()) {
      const auto before = decoder.state();
      const auto used = decoder.feed(waiting);
      LAW(used <= waiting.size());
      waiting.erase(0, used);
      LAW(decoder.request().headers.size() <= kMaxLines);
      if (decoder.state() == RequestDecoder::State::failed) {
        seen.failed = true;
        return seen;
      }
      if (decoder.state() == RequestDecoder::State::done) {
        seen.requests.push_back(text_of(decoder.request()));
        decoder.next();
      } else if (used == 0 && decoder.state() == before) {
        break;
      }
    }
  }
  return seen;
}

void decode_forms(std::string_view text) {
  const auto form = hlid::net::decode_form(text);
  LAW(hlid::net::decode_form(hlid::net::encode_form(form)) == form);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto bytes = as_text(data, size);
  const Seen whole = decode(bytes, bytes.size());
  // In pieces a fault may be noticed later, when the head is whole; never sooner, and no request differs.
  const Seen pieces = decode(bytes, 7);
  LAW(pieces.requests == whole.requests);
  LAW(whole.failed || !pieces.failed);
  decode_forms(bytes);
  return 0;
}
