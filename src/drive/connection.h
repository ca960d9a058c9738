#pragma once
#include <memory>
#include <optional>

#include "drive/embedded_node.h"
#include "drive/secrets.h"
#include "model/homelab.h"
#include "net/http_client.h"
#include "pve/session.h"

namespace hlid::drive {

/// A way to the hypervisor of a homelab, and what lives as long as it.
class Connection {
 public:
  /// A Proxmox VE: the file's endpoint, token and trust.
  static Connection to_server(const model::Proxmox& proxmox, const Secrets& secrets, sys::Clock& clock);
  /// The embedded node, which runs already. A daemon that was started a moment ago is waited for.
  static Connection to_node(const EmbeddedNode& node, sys::Clock& clock, std::stop_token stop = {});

  const pve::Session& session() const { return session_; }

 private:
  Connection(std::unique_ptr<net::HttpClient> http, pve::Endpoint endpoint, sys::Clock& clock)
      : http_(std::move(http)), session_(*http_, std::move(endpoint), clock) {}

  std::unique_ptr<net::HttpClient> http_;
  pve::Session session_;
};

/// The file's endpoint as a base URL: https, port 8006 unless it names one, no path.
std::string base_url(const std::string& endpoint);

}  // namespace hlid::drive
