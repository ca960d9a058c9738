#include "drive/connection.h"

#include "base/error.h"
#include "pve/version.h"

namespace hlid::drive {
namespace {

constexpr std::chrono::seconds kTimeToAnswer{15};

/// The daemon's files are there a moment before or after it listens.
void wait_until_it_answers(const pve::Session& session, std::stop_token stop) {
  const auto deadline = session.clock().now() + kTimeToAnswer;
  while (true) {
    try {
      pve::version(session.with(stop));
      return;
    } catch (const Error& error) {
      if (error.code() != Errc::io || session.clock().now() >= deadline) throw;
    }
    if (!session.clock().sleep(std::chrono::milliseconds(50), stop))
      throw Error(Errc::interrupted, "stopped");
  }
}

}  // namespace

std::string base_url(const std::string& endpoint) {
  auto url = endpoint;
  if (url.find("://") == std::string::npos) url = "https://" + url;
  const auto host = url.find("://") + 3;
  if (const auto path = url.find('/', host); path != std::string::npos) url.erase(path);
  const auto bracket = url.find(']', host);
  const auto colon = url.find(':', bracket == std::string::npos ? host : bracket);
  if (colon == std::string::npos) url += ":8006";
  return url;
}

Connection Connection::to_server(const model::Proxmox& proxmox, const Secrets& secrets, sys::Clock& clock) {
  net::TlsTrust trust{proxmox.ca_file.empty() ? std::string() : expand_home(proxmox.ca_file),
                      proxmox.fingerprint};
  pve::Endpoint endpoint{base_url(proxmox.endpoint),
                         {secrets.get(proxmox.token, "the API token (proxmox.token)")}};
  return {std::make_unique<net::CurlHttpClient>(std::move(trust)), std::move(endpoint), clock};
}

Connection Connection::to_node(const EmbeddedNode& node, sys::Clock& clock, std::stop_token stop) {
  auto client = node.client();
  net::TlsTrust trust{client.ca_file, {}};
  Connection connection(std::make_unique<net::CurlHttpClient>(std::move(trust)),
                        {client.endpoint, {std::move(client.token)}}, clock);
  wait_until_it_answers(connection.session(), stop);
  return connection;
}

}  // namespace hlid::drive
