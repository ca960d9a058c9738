#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "support/fake_rke2/bootstrap.h"
#include "support/fake_rke2/config.h"
#include "support/fake_rke2/datastore.h"

/// The supervisor: port 9345, what joins and command lines talk to.
namespace hlid::fake_rke2 {

class Supervisor {
 public:
  explicit Supervisor(Config config);
  /// Listens (from then on /ping and /cacerts are answered).
  void start();
  /// The core is up: the API server answers. Until then nearly everything is 503.
  void set_ready() { ready_ = true; }

 private:
  enum class Role { nobody, agent, server };
  Response handle(const Request& request);
  Response for_server(const Request& request);
  Response for_agent(const Request& request);
  Role role_of(const Request& request) const;
  Response member_list(const Request& request);
  Response configuration() const;
  Response api_servers();
  Response kubelet_certificate(const Request& request, const std::string& authority);
  Response check_node_password(const std::string& node, const std::string& password);
  Response rotate_token(const Request& request);
  Response snapshot(const Request& request);

  Config config_;
  Layout layout_;
  Datastore datastore_;
  std::atomic<bool> ready_{false};
  std::mutex snapshot_mutex_;
};

}  // namespace hlid::fake_rke2
