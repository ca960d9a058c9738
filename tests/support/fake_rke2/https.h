#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "support/fake_rke2/tls_stream.h"

namespace hlid::fake_rke2 {

struct Request {
  std::string method, path;
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  std::string peer_address;
  Subject peer;  ///< of the client certificate
  std::string header(const std::string& name) const;
  bool from_loopback() const { return peer_address.starts_with("127."); }
  /// User and password of basic authentication.
  std::optional<std::pair<std::string, std::string>> basic() const;
};

struct Response {
  int status = 200;
  std::string body;
  std::string type = "application/json";
};

using Handler = std::function<Response(const Request&)>;

/// Serves on all IPv4 addresses until the process ends; returns once it listens. A handler that throws is
/// answered with 500. Throws Error(io) when the port is taken.
void serve(int port, SslContext context, Handler handler);

/// One connection, kept alive and made anew when it broke; not for two threads at once.
class Client {
 public:
  Client(std::string host, int port, SslContext context,
         std::chrono::milliseconds timeout = std::chrono::seconds(10));
  /// Any status is a Response. Throws Error(io/timeout/denied).
  Response send(const std::string& method, const std::string& target, const std::string& body = {},
                const std::map<std::string, std::string>& headers = {});
  const std::string& host() const { return host_; }
  int port() const { return port_; }

 private:
  Response exchange(const std::string& head, const std::string& body);
  std::string host_;
  int port_;
  SslContext context_;
  std::chrono::milliseconds timeout_;
  std::optional<TlsStream> stream_;
};

std::string basic_authorization(const std::string& user, const std::string& password);

/// "https://HOST:PORT/…" → host and port. Throws Error(usage) for anything else.
struct Endpoint {
  std::string host;
  int port = 443;
};
Endpoint parse_url(const std::string& url);

}  // namespace hlid::fake_rke2
