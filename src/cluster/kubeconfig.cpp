#include "cluster/kubeconfig.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cluster/traits.h"
#include "model/published.h"

namespace hlid::cluster {
namespace {

/// The value of the one line "  key: VALUE". The distribution writes the file from a fixed template with one
/// cluster, user and context (k3s pkg/util/kubeconfig), so no more of YAML is needed than this; anything else
/// is refused.
std::string value_of(const std::string& text, std::string_view key) {
  std::string found;
  const auto start = std::string(key) + ": ";
  for (const auto& whole : split(text, '\n')) {
    const auto line = trim(whole);
    if (line.substr(0, start.size()) != start) continue;
    if (!found.empty())
      throw Error(Errc::protocol, "the cluster's kubeconfig has '{}' twice", key)
          .with_hint("look at it on the server");
    found = std::string(trim(line.substr(start.size())));
  }
  if (found.empty())
    throw Error(Errc::protocol, "the cluster's kubeconfig has no '{}'", key)
        .with_hint("the server writes it anew at each start");
  return found;
}

std::string pem_of(const std::string& text, std::string_view key, std::string_view begins) {
  auto value = value_of(text, key);
  std::string pem;
  try {
    pem = base64_decode(value);
  } catch (const Error&) {
    pem.clear();  // an error text could show a part of the key
  }
  if (!contains(pem, begins) || !contains(pem, "-----END "))
    throw Error(Errc::protocol, "'{}' of the cluster's kubeconfig is no base64 of a PEM text", key)
        .with_hint("the server writes it anew at each start");
  return value;
}

}  // namespace

AdminAccess parse_admin_access(const Secret& text) {
  const auto& all = text.reveal();
  return {pem_of(all, "certificate-authority-data", "-----BEGIN CERTIFICATE-----"),
          pem_of(all, "client-certificate-data", "-----BEGIN CERTIFICATE-----"),
          Secret(pem_of(all, "client-key-data", "PRIVATE KEY-----"))};
}

std::string admin_kubeconfig_path(const std::string& distribution) {
  return std::string(traits_of(distribution).kubeconfig);
}

std::string api_url(const model::Homelab& lab) {
  const auto port = traits_of(lab.cluster->distribution).api_port;
  if (const auto* here = model::published_servers(lab, port))
    return fmt::format("https://{}:{}", to_string(model::reached_at(*here)), here->port);
  if (lab.cluster->vip) return fmt::format("https://{}:{}", to_string(*lab.cluster->vip), port);
  for (const auto& machine : lab.machines)
    if (machine.role == model::Role::server)
      return fmt::format("https://{}:{}", to_string(machine.address.address), port);
  throw Error(Errc::precondition, "the cluster has no server").with_hint("give a group 'role: server'");
}

Secret render_kubeconfig(const AdminAccess& access, const std::string& name, const std::string& server) {
  const auto quoted = [](std::string_view text) { return to_text(json::string(text)); };
  return Secret(fmt::format(
      "apiVersion: v1\n"
      "kind: Config\n"
      "clusters:\n"
      "  - name: {0}\n"
      "    cluster:\n"
      "      server: {1}\n"
      "      certificate-authority-data: {2}\n"
      "users:\n"
      "  - name: {0}\n"
      "    user:\n"
      "      client-certificate-data: {3}\n"
      "      client-key-data: {4}\n"
      "contexts:\n"
      "  - name: {0}\n"
      "    context:\n"
      "      cluster: {0}\n"
      "      user: {0}\n"
      "current-context: {0}\n",
      quoted(name), quoted(server), access.ca_data, access.client_data, access.key_data.reveal()));
}

}  // namespace hlid::cluster
