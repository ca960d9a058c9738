#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/http.h"

namespace hlid::net {

/// What a client asked. The body is whole (bounded by the head's verdict) unless it was spooled to a file.
struct ServerRequest {
  std::string method;
  std::string target;  ///< raw: path and query as sent
  int version = 11;    ///< 10 or 11
  bool tls = true;     ///< false: plain HTTP spoken to the TLS port
  Headers headers;
  std::string body;
  std::filesystem::path spool;  ///< where the body was put; the handler owns the file from then on
  std::string peer;             ///< address of the client
};

struct ServerResponse {
  int status = 200;
  std::string reason = "OK";  ///< sent raw (no CR, LF)
  Headers headers;            ///< Content-Length is added by the server when there is a body
  std::string body;
  /// Instead of `body`: the same text for many answers (shared because each is sent at its own pace).
  std::shared_ptr<const std::string> shared_body = {};
  bool close = false;
  std::chrono::milliseconds delay{0};  ///< answered that much later without holding a thread
};

/// Answers a request, from any thread, exactly once.
using Respond = std::function<void(ServerResponse)>;

/// What to do with a body, decided when the head is read.
struct BodyVerdict {
  std::optional<ServerResponse> refuse;  ///< answer at once and close
  std::int64_t limit = 512 * 1024;       ///< more: `too_large` is answered and the connection closed
  ServerResponse too_large;
  std::filesystem::path spool;  ///< non-empty: stream into this new file (0600)
};

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual BodyVerdict on_head(const ServerRequest& head) = 0;
  /// Must not block for long on the calling (I/O) thread: slow work is moved elsewhere and calls `respond`
  /// then.
  virtual void handle(ServerRequest request, Respond respond) = 0;
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8006;  ///< 0: any free one
  std::string certificate_pem;
  std::string key_pem;
  int threads = 2;
  int max_connections = 512;
  std::chrono::seconds idle_timeout{5};     ///< Proxmox's keep-alive
  std::chrono::seconds header_timeout{10};  ///< a slow or silent client is dropped
  std::size_t max_head_bytes = 8192;
  int max_header_lines = 64;
};

/// HTTP/1.1 over TLS (plain HTTP on the same port is passed on with tls=false, so that it can be redirected),
/// on its own I/O threads. Malformed requests are answered 400 and closed; the server never stops for them.
class HttpServer {
 public:
  /// Listens at once. Throws Error(io) when the address is taken.
  HttpServer(ServerOptions options, HttpHandler& handler);
  ~HttpServer();  ///< stops listening, closes connections, joins
  std::uint16_t port() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hlid::net
