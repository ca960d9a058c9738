// HTTPS as etcd and the distributions' supervisors speak it: with a client's certificate, or a name and
// password. The product's own client has no need of either.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace hlid::test {

/// Files in PEM. Without `ca` any certificate will do.
struct WebIdentity {
  std::string ca = {}, certificate = {}, key = {};
};

struct WebAnswer {
  int status = 0;
  std::string body;
};

/// One at a time; keeps its connections.
class WebClient {
 public:
  explicit WebClient(WebIdentity identity = {}, std::chrono::milliseconds patience = std::chrono::seconds(3));
  ~WebClient();
  WebClient(const WebClient&) = delete;
  WebClient& operator=(const WebClient&) = delete;

  /// nullopt: no answer in time. `user`: "name:password". With a body it is a POST.
  std::optional<WebAnswer> send(const std::string& url, const std::string& body = {},
                                const std::string& user = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hlid::test
