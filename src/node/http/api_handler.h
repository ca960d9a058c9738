// The Proxmox VE API over HTTP: from request text to a verb and back.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "net/http_server.h"
#include "node/http/answers.h"
#include "node/http/credentials.h"
#include "node/http/target.h"
#include "node/http/workers.h"
#include "node/service/service.h"

namespace hlid::node::auth {
class Authenticator;
}
namespace hlid::sys {
class Clock;
}

namespace hlid::node::http {

struct HandlerOptions {
  std::filesystem::path
      upload_folder;  ///< on the file system of the node's storage, so that uploads are moved
  std::size_t workers = 16;
  std::size_t agent_workers = 32;
  std::size_t waiting = 1024;
  /// Wrong credentials cost the client that much time (pve-http-server: "always delay unauthorized calls").
  std::chrono::milliseconds stranger_delay{3000};
};

/// Order of its checks as in Proxmox: method, transfer coding, format, who it is, body, route, and then the
/// service's. Quick verbs run on the thread that read the request; others on workers.
class ApiHandler : public net::HttpHandler {
 public:
  ApiHandler(HandlerOptions options, service::Service& service, auth::Authenticator& authenticator,
             sys::Clock& clock);
  ~ApiHandler() override;

  net::BodyVerdict on_head(const net::ServerRequest& head) override;
  void handle(net::ServerRequest request, net::Respond respond) override;

 private:
  struct Exchange;

  std::int64_t now() const;
  /// What is refused before anybody looks at who asks; nullopt: go on.
  std::optional<net::ServerResponse> refuse_form(const net::ServerRequest& head, const Target& target) const;
  /// Who asks, or the answer that he gets.
  std::optional<net::ServerResponse> authenticate(const net::ServerRequest& head, const Target& target,
                                                  auth::Identity& who) const;
  net::BodyVerdict body_verdict(const net::ServerRequest& head, const Target& target);
  void dispatch(std::shared_ptr<Exchange> exchange);
  void run(Exchange& exchange);
  net::ServerResponse answer(Exchange& exchange);

  HandlerOptions options_;
  service::Service& service_;
  auth::Authenticator& authenticator_;
  sys::Clock& clock_;
  std::atomic<std::uint64_t> uploads_{0};
  Workers workers_;
  Workers agent_workers_;
};

}  // namespace hlid::node::http
