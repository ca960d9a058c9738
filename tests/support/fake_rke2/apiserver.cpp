// kube-apiserver: objects as JSON in etcd, behind client certificates. Runs as a container of its own, so it
// outlives the service.
#include "support/fake_rke2/apiserver.h"

#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/etcd.h"
#include "support/fake_rke2/faults.h"
#include "support/fake_rke2/journal.h"
#include "support/fake_rke2/release.h"
#include "support/fake_rke2/resources.h"
#include "sys/files.h"

namespace hlid::fake_rke2 {
namespace {

Response failure(int status, const std::string& reason, const std::string& message) {
  return {status, to_text(json::object{{"kind", "Status"},
                                       {"apiVersion", "v1"},
                                       {"metadata", json::object()},
                                       {"status", "Failure"},
                                       {"message", message},
                                       {"reason", reason},
                                       {"code", status}})};
}

std::string qualified(const Location& at) {
  const auto group = at.resource->group();
  return fmt::format("{}{}{} \"{}\"", at.resource->plural, group.empty() ? "" : ".", group, at.name);
}

/// Connections to etcd, one a request in hand.
class EtcdPool {
 public:
  explicit EtcdPool(fs::path tls) : tls_(std::move(tls)) {}
  template <typename Work>
  auto with(Work work) {
    auto etcd = take();
    auto out = work(*etcd);
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(etcd));
    return out;
  }

 private:
  std::unique_ptr<Etcd> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        auto etcd = std::move(idle_.back());
        idle_.pop_back();
        return etcd;
      }
    }
    return std::make_unique<Etcd>("127.0.0.1", tls_, std::chrono::seconds(7));
  }
  fs::path tls_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Etcd>> idle_;
};

class ApiServer {
 public:
  explicit ApiServer(const Layout& layout) : etcd_(layout.etcd_tls()) {}

  Response handle(const Request& request) {
    if (request.path == "/version") return version_answer();
    if (faults::has("apiserver_timeout")) std::this_thread::sleep_for(std::chrono::hours(1));
    if (request.peer.common_name.empty() || faults::has("apiserver_401"))
      return failure(401, "Unauthorized", "Unauthorized");
    try {
      return etcd_.with([&](Etcd& etcd) { return dispatch(etcd, request); });
    } catch (const Error& problem) {
      if (problem.code() == Errc::failed) return failure(500, "", problem.message());
      if (problem.code() == Errc::timeout)
        return failure(504, "Timeout", "request did not complete within the allotted timeout");
      return failure(503, "ServiceUnavailable", "the server is currently unable to handle the request");
    }
  }

 private:
  static Response version_answer() {
    const auto release = version();
    return {200, to_text(json::object{{"major", "1"},
                                      {"minor", std::to_string(minor_version())},
                                      {"gitVersion", release},
                                      {"platform", "linux/amd64"}})};
  }

  static Response dispatch(Etcd& etcd, const Request& request) {
    if (request.path == "/readyz" || request.path == "/livez" || request.path == "/healthz") {
      if (request.path != "/livez") etcd.get("health");
      return {200, "ok", "text/plain"};
    }
    const auto at = locate(request.path);
    if (!at) return failure(404, "NotFound", "the server could not find the requested resource");
    if (at->sub == "eviction") return evict(etcd, *at);
    if (request.method == "GET") return at->name.empty() ? list(etcd, *at) : get(etcd, *at);
    if (request.method == "PUT") return put(etcd, *at, request.body);
    if (request.method == "POST") return create(etcd, *at, request.body);
    if (request.method == "DELETE") return erase(etcd, *at);
    return failure(405, "MethodNotAllowed",
                   "the server does not allow this method on the requested resource");
  }

  static json::object decoded(const KeyValue& found) {
    auto object = parse_json(found.value, found.key).as_object();
    metadata_of(object)["resourceVersion"] = std::to_string(found.modified);
    return object;
  }

  static Response not_found(const Location& at) {
    return failure(404, "NotFound", qualified(at) + " not found");
  }

  static Response get(Etcd& etcd, const Location& at) {
    const auto found = etcd.get(etcd_key(at));
    return found ? Response{200, to_text(decoded(*found))} : not_found(at);
  }

  static Response list(Etcd& etcd, const Location& at) {
    json::array items;
    for (const auto& found : etcd.prefix(etcd_key(at))) items.push_back(decoded(found));
    return {200, to_text(json::object{{"apiVersion", at.resource->group_version},
                                      {"kind", at.resource->kind + "List"},
                                      {"metadata", json::object{{"resourceVersion", "1"}}},
                                      {"items", std::move(items)}})};
  }

  static Response create(Etcd& etcd, Location at, const std::string& body) {
    auto object = parse_json(body, "request").as_object();
    at.name = name_of(object);
    metadata_of(object)["resourceVersion"] = "0";
    auto answer = put(etcd, at, to_text(object));
    if (answer.status == 409) return failure(409, "AlreadyExists", qualified(at) + " already exists");
    return answer;
  }

  /// Without resourceVersion: creates or replaces. With one: only what was read is replaced.
  static Response put(Etcd& etcd, const Location& at, const std::string& body) {
    auto object = parse_json(body, "request").as_object();
    auto& metadata = metadata_of(object);
    const auto expected = get_string(metadata, "resourceVersion");
    metadata.erase("resourceVersion");
    metadata["name"] = at.name;
    if (!at.ns.empty()) metadata["namespace"] = at.ns;
    if (!metadata.contains("uid")) metadata["uid"] = new_uid();
    if (!metadata.contains("creationTimestamp")) metadata["creationTimestamp"] = journal::now();
    object["kind"] = at.resource->kind;
    object["apiVersion"] = at.resource->group_version;
    const auto key = etcd_key(at);
    if (!expected)
      etcd.put(key, to_text(object));
    else if (!etcd.put_if(key, to_text(object), std::atoll(expected->c_str())))
      return failure(409, "Conflict",
                     "Operation cannot be fulfilled on " + qualified(at) +
                         ": the object has been modified; please apply your changes to the latest version "
                         "and try again");
    return get(etcd, at);
  }

  static std::string new_uid() {
    const auto hex = random_hex(16);
    return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                       hex.substr(16, 4), hex.substr(20));
  }

  /// A deleted server leaves word for the controller that takes its member out of etcd; a deleted node takes
  /// its heartbeat along.
  static void forget_node(Etcd& etcd, const json::object& node) {
    const auto name = name_of(node);
    etcd.erase("/fake/leases/kube-node-lease/" + name);
    const auto member = mark_of(node, "annotations", "etcd.rke2.cattle.io/node-name");
    if (member && !faults::has("ghost_member_on_delete"))
      etcd.put(
          "/fake-removed-servers/" + name,
          to_text(json::object{
              {"member", *member},
              {"address", mark_of(node, "annotations", "etcd.rke2.cattle.io/node-address").value_or("")}}));
    etcd.put("/fake-removed-nodes/" + name, "");
    for (const auto& pod : etcd.prefix("/fake/pods/"))
      if (text_at(parse_json(pod.value), {"spec", "nodeName"}) == name) etcd.erase(pod.key);
  }

  static Response erase(Etcd& etcd, const Location& at) {
    const auto found = etcd.get(etcd_key(at));
    if (!found) return not_found(at);
    etcd.erase(found->key);
    if (at.resource->plural == "nodes") forget_node(etcd, decoded(*found));
    return {200, to_text(json::object{{"kind", "Status"}, {"apiVersion", "v1"}, {"status", "Success"}})};
  }

  static Response evict(Etcd& etcd, const Location& at) {
    if (faults::has("drain_block") || etcd.get("/fake/poddisruptionbudgets/" + at.ns + "/block"))
      return failure(429, "TooManyRequests",
                     "Cannot evict pod as it would violate the pod's disruption budget.");
    return erase(etcd, at);
  }

  EtcdPool etcd_;
};

}  // namespace

int apiserver_main(const std::vector<std::string>& arguments) {
  const Layout layout{arguments.empty() ? "/var/lib/rancher/rke2" : arguments[0]};
  const auto server = std::make_shared<ApiServer>(layout);  // shared: connections may outlive any scope
  const auto own = load(layout.tls() / "serving-kube-apiserver");
  serve(6443, server_context(own, sys::read_file(layout.tls() / "client-ca.crt")),
        [server](const Request& request) { return server->handle(request); });
  for (;;) std::this_thread::sleep_for(std::chrono::hours(24));
}

}  // namespace hlid::fake_rke2
