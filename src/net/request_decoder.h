#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_server.h"

namespace hlid::net {

/// Bytes of a connection to requests (RFC 9112), one after the other. Pure: no sockets; what it was fed in
/// how many pieces makes no difference. The framing is Beast's.
class RequestDecoder {
 public:
  enum class State {
    head,    ///< wants more of the head
    body,    ///< the head is whole: request() has it; wants the body
    done,    ///< the request is whole
    failed,  ///< not HTTP, or beyond a limit; nothing more is read
  };

  RequestDecoder(std::size_t max_head_bytes, int max_header_lines);
  ~RequestDecoder();

  /// Takes what belongs to the request and returns how much that was; call again with the rest. Stops after
  /// the head (so that its verdict comes before the body) and after the request.
  std::size_t feed(std::string_view bytes);
  State state() const { return state_; }
  /// No byte of a request has come yet.
  bool idle() const { return idle_; }
  /// What is wrong, when failed.
  const std::string& problem() const { return problem_; }
  /// Body bytes are appended to request().body; the owner may take them away at any time.
  ServerRequest& request() { return request_; }
  /// As announced; none for chunked bodies.
  std::optional<std::uint64_t> content_length() const;
  /// Forgets the request and waits for the next head.
  void next();

 private:
  struct Parser;
  std::size_t max_head_bytes_;
  int max_header_lines_;
  ServerRequest request_;
  std::unique_ptr<Parser> parser_;
  State state_ = State::head;
  bool idle_ = true;
  std::string problem_;
};

}  // namespace hlid::net
