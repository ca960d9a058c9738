#include "support/fake_rke2/supervisor.h"

#include <chrono>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/api.h"
#include "support/fake_rke2/encryption.h"
#include "support/fake_rke2/faults.h"
#include "support/fake_rke2/journal.h"
#include "support/fake_rke2/pki.h"
#include "support/fake_rke2/release.h"
#include "support/fake_rke2/snapshots.h"
#include "sys/files.h"
#include "sys/hash.h"

namespace hlid::fake_rke2 {
namespace {

using namespace std::chrono_literals;

Response text(int status, const std::string& body) {
  return {status, body, "text/plain"};
}

Response unavailable() {
  return text(503, "Service Unavailable\n");
}

std::string authority_certificate(const Layout& layout) {
  if (faults::has("wrong_ca")) return make_authority("rke2-server-ca@another").certificate;
  return sys::read_file(layout.tls() / "server-ca.crt");
}

}  // namespace

Supervisor::Supervisor(Config config)
    : config_(std::move(config)), layout_(config_.layout()), datastore_(config_) {}

void Supervisor::start() {
  const auto own = load(layout_.tls() / "dynamic-server");
  serve(9345, server_context(own, sys::read_file(layout_.tls() / "client-ca.crt")),
        [this](const Request& request) { return handle(request); });
  journal::info("Listening on :9345");
}

Supervisor::Role Supervisor::role_of(const Request& request) const {
  if (request.peer.organisation == "system:nodes") return Role::agent;
  if (request.peer.organisation == "system:masters") return Role::server;
  const auto given = request.basic();
  if (!given) return Role::nobody;
  const auto known = read_passwords(layout_);
  if (given->first == "server" && given->second == known.server) return Role::server;
  if (given->first == "node" && given->second == known.node) return Role::agent;
  return Role::nobody;
}

Response Supervisor::handle(const Request& request) {
  if (request.path == "/ping") return text(200, "pong");
  if (request.path == "/cacerts") return text(200, authority_certificate(layout_));
  const auto role = role_of(request);
  if (request.path == "/db/info" && request.from_loopback() && !request.basic()) return member_list(request);
  if (request.path == "/" || request.path == "/readyz")
    return ready_ ? text(404, "404 page not found\n") : unavailable();
  if (role == Role::nobody) return request.basic() ? text(401, "Unauthorized\n") : text(403, "Forbidden\n");
  if (request.path == "/v1-rke2/readyz") {
    static const auto begin = std::chrono::steady_clock::now();
    const bool held =
        std::chrono::steady_clock::now() - begin < std::chrono::seconds(faults::number("readyz_503_for", 0));
    return ready_ && !held ? text(200, "ok") : unavailable();
  }
  if (auto answer = for_agent(request); answer.status != 404) return answer;
  if (role != Role::server) return text(403, "Forbidden\n");
  return for_server(request);
}

Response Supervisor::for_agent(const Request& request) {
  const auto& path = request.path;
  if (path == "/v1-rke2/config") return configuration();
  if (path == "/v1-rke2/apiservers") return api_servers();
  if (path == "/v1-rke2/client-ca.crt") return text(200, sys::read_file(layout_.tls() / "client-ca.crt"));
  if (path == "/v1-rke2/server-ca.crt") return text(200, sys::read_file(layout_.tls() / "server-ca.crt"));
  if (path == "/v1-rke2/serving-kubelet.crt") return kubelet_certificate(request, "server-ca");
  if (path == "/v1-rke2/client-kubelet.crt") return kubelet_certificate(request, "client-ca");
  return text(404, "");
}

Response Supervisor::for_server(const Request& request) {
  const auto& path = request.path;
  if (path == "/v1-rke2/server-bootstrap") return {200, to_text(bootstrap_files(layout_))};
  if (path == "/db/info") return member_list(request);
  if (path == "/db/snapshot") return snapshot(request);
  if (path == "/v1-rke2/token" && request.method == "PUT") return rotate_token(request);
  if (!ready_) return unavailable();
  if (path == "/v1-rke2/encrypt/status") return encryption_status(config_);
  if (path == "/v1-rke2/encrypt/config") return encryption_change(config_, request.body);
  return text(404, "404 page not found\n");
}

/// etcd 3.4 lists members without a quorum; newer ones do not, so this insists on one.
Response Supervisor::member_list(const Request&) {
  try {
    auto etcd = datastore_.local(2s);
    etcd.get("health");
    return {200, members_json(etcd.members())};
  } catch (const Error& problem) {
    return text(500, problem.message() + "\n");
  }
}

Response Supervisor::configuration() const {
  return {200, to_text(json::object{{"version", version()},
                                    {"node-name", config_.node_name()},
                                    {"critical", critical_values(config_)}})};
}

Response Supervisor::api_servers() {
  if (!ready_) return unavailable();
  auto api = local_admin(layout_);
  json::array out;
  for (const auto& node : api.list("/api/v1/nodes"))
    if (mark_of(node, "labels", "node-role.kubernetes.io/control-plane"))
      if (const auto address = mark_of(node, "annotations", "rke2.io/internal-ip"))
        out.emplace_back(*address + ":6443");
  return {200, to_text(out)};
}

Response Supervisor::check_node_password(const std::string& node, const std::string& password) {
  auto api = local_admin(layout_);
  const auto path = "/api/v1/namespaces/kube-system/secrets/" + node + ".node-password.rke2";
  const auto hash = "$1:" + sys::sha256_hex(node + password);
  const auto found = api.get(path);
  if (!found) {
    api.put(path,
            {{"type", "Opaque"}, {"immutable", true}, {"data", json::object{{"hash", base64_encode(hash)}}}});
    return text(200, "");
  }
  if (text_at(*found, {"data", "hash"}) == base64_encode(hash)) return text(200, "");
  return text(403, fmt::format("unable to verify password for node {}: hash does not match\n", node));
}

Response Supervisor::kubelet_certificate(const Request& request, const std::string& authority) {
  if (!ready_) return unavailable();
  const auto node = request.header("rke2-node-name");
  const auto password = request.header("rke2-node-password");
  if (node.empty() || password.empty()) return text(400, "node name and password not set\n");
  if (auto answer = check_node_password(node, password); answer.status != 200) return answer;
  const bool client = authority == "client-ca";
  Subject subject{client ? "system:node:" + node : node, client ? "system:nodes" : "", {}};
  if (!client) {
    subject.names = {node, "127.0.0.1", "localhost"};
    for (const auto& address : split_list(request.header("rke2-node-ip"), ","))
      subject.names.push_back(address);
  }
  const auto pair = issue(load(layout_.tls() / authority), subject);
  return text(200, pair.certificate + pair.key);
}

Response Supervisor::rotate_token(const Request& request) {
  const auto wanted = parse_json(request.body, "request");
  const auto given = get_string(wanted.as_object(), "newToken").value_or("");
  const auto password = parse_token(given).password;
  if (password.empty()) return text(400, "new token is required\n");
  auto known = read_passwords(layout_);
  if (known.node == known.server) known.node = password;
  known.server = password;
  write_passwords(layout_, known);
  auto etcd = datastore_.local();
  reseal_bootstrap_data(etcd, layout_, password);
  return {200, "{}"};
}

Response Supervisor::snapshot(const Request& request) {
  if (request.method != "POST") return text(405, "method not allowed\n");
  const std::unique_lock lock(snapshot_mutex_, std::try_to_lock);
  if (!lock) return text(409, "snapshot save already in progress\n");
  return snapshot_request(config_, request.body);
}

}  // namespace hlid::fake_rke2
