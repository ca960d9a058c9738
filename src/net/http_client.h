#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "net/http.h"

namespace hlid::net {

/// A multipart/form-data body whose last part is a file, streamed from disk with an exact Content-Length.
struct Upload {
  Form fields;
  std::filesystem::path file;
  std::string file_name;  ///< as the server shall see it
  std::function<void(std::int64_t sent, std::int64_t total)> on_progress = {};
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  Headers headers = {};
  std::string body = {};
  std::optional<Upload> upload = {};
  /// Takes the body of a 2xx answer in pieces, as they come, in place of HttpResponse::body; the head is
  /// whole by then. What it throws ends the exchange and leaves send().
  std::function<void(const HttpResponse& head, std::string_view piece)> on_body = {};
  /// For the whole exchange; with an upload or on_body: for no progress at all.
  std::chrono::milliseconds timeout{60'000};
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  /// Any answer of the server is a response, whatever its status. Throws Error: io (not reached, broken off),
  /// timeout, interrupted, protocol (not HTTP), denied (its certificate is not the one that is trusted).
  virtual HttpResponse send(const HttpRequest& request, std::stop_token stop = {}) = 0;
};

/// Whom we believe. TLS is always verified: against a CA file, or by the SHA-256 fingerprint of the server's
/// certificate ("AB:CD:…"), or else against the system's authorities.
struct TlsTrust {
  std::string ca_file = {};
  std::string fingerprint = {};
};

/// HTTP/1.1 by libcurl with a pool of kept-alive connections; safe to use from many threads. A GET on a
/// pooled connection that died before its answer is sent once more.
class CurlHttpClient : public HttpClient {
 public:
  explicit CurlHttpClient(TlsTrust trust);
  ~CurlHttpClient() override;
  HttpResponse send(const HttpRequest& request, std::stop_token stop = {}) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hlid::net
