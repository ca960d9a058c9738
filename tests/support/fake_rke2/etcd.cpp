#include "support/fake_rke2/etcd.h"

#include <cstdlib>

#include "base/error.h"
#include "base/text.h"
#include "sys/files.h"

namespace hlid::fake_rke2 {
namespace {

std::uint64_t number(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) return 0;
  if (value->is_string()) return std::strtoull(value->as_string().c_str(), nullptr, 10);
  return value->is_uint64() ? value->as_uint64()
                            : static_cast<std::uint64_t>(value->is_int64() ? value->as_int64() : 0);
}

const json::object* inner(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value == nullptr ? nullptr : value->if_object();
}

std::string decoded(const json::object& object, std::string_view key) {
  return base64_decode(get_string(object, key).value_or(""));
}

std::vector<std::string> texts(const json::object& object, std::string_view key) {
  std::vector<std::string> out;
  if (const auto* list = object.if_contains(key); list != nullptr && list->is_array())
    for (const auto& item : list->as_array()) out.emplace_back(item.as_string());
  return out;
}

std::vector<KeyValue> pairs(const json::object& answer) {
  std::vector<KeyValue> out;
  const auto* list = answer.if_contains("kvs");
  if (list == nullptr) return out;
  for (const auto& item : list->as_array()) {
    const auto& object = item.as_object();
    out.push_back({decoded(object, "key"), decoded(object, "value"),
                   static_cast<std::int64_t>(number(object, "mod_revision"))});
  }
  return out;
}

/// The end of the range of all keys that begin with `key`.
std::string after(std::string key) {
  ++key.back();
  return key;
}

Pem client_pair(const fs::path& tls) {
  return load(tls / "server-client");
}

}  // namespace

Etcd::Etcd(const std::string& host, const fs::path& tls, std::chrono::milliseconds timeout)
    : client_(host, 2379, client_context(sys::read_file(tls / "server-ca.crt"), client_pair(tls)), timeout) {}

json::object Etcd::call(const std::string& path, const json::object& body) {
  const auto answer = client_.send("POST", path, to_text(body), {{"Content-Type", "application/json"}});
  const auto value = parse_json(answer.body.empty() ? "{}" : answer.body, "etcd");
  if (!value.is_object()) throw Error(Errc::protocol, "etcd: not an object");
  const auto& object = value.as_object();
  if (answer.status != 200) {
    const auto text =
        get_string(object, "message").value_or(get_string(object, "error").value_or(answer.body));
    throw Error(Errc::failed, "{}", text);
  }
  return object;
}

std::optional<KeyValue> Etcd::get(const std::string& key) {
  auto found = pairs(call("/v3/kv/range", {{"key", base64_encode(key)}}));
  if (found.empty()) return std::nullopt;
  return found.front();
}

std::vector<KeyValue> Etcd::prefix(const std::string& key) {
  return pairs(call("/v3/kv/range", {{"key", base64_encode(key)}, {"range_end", base64_encode(after(key))}}));
}

void Etcd::put(const std::string& key, const std::string& value, std::int64_t lease) {
  call("/v3/kv/put",
       {{"key", base64_encode(key)}, {"value", base64_encode(value)}, {"lease", std::to_string(lease)}});
}

bool Etcd::put_if(const std::string& key, const std::string& value, std::int64_t modified,
                  std::int64_t lease) {
  const auto name = base64_encode(key);
  const json::object compare{{"key", name}, {"target", "MOD"}, {"mod_revision", std::to_string(modified)}};
  const json::object put{
      {"requestPut",
       json::object{{"key", name}, {"value", base64_encode(value)}, {"lease", std::to_string(lease)}}}};
  const auto answer = call("/v3/kv/txn", {{"compare", json::array{compare}}, {"success", json::array{put}}});
  return get_bool(answer, "succeeded").value_or(false);
}

void Etcd::erase(const std::string& key) {
  call("/v3/kv/deleterange", {{"key", base64_encode(key)}});
}

std::int64_t Etcd::grant(int seconds) {
  return static_cast<std::int64_t>(number(call("/v3/lease/grant", {{"TTL", std::to_string(seconds)}}), "ID"));
}

bool Etcd::keep_alive(std::int64_t lease) {
  const auto answer = call("/v3/lease/keepalive", {{"ID", std::to_string(lease)}});
  const auto* result = inner(answer, "result");
  return result != nullptr && number(*result, "TTL") > 0;
}

std::vector<Member> Etcd::members() {
  std::vector<Member> out;
  const auto answer = call("/v3/cluster/member/list", {});
  const auto* list = answer.if_contains("members");
  if (list == nullptr) return out;
  for (const auto& item : list->as_array()) {
    const auto& object = item.as_object();
    out.push_back({number(object, "ID"), get_string(object, "name").value_or(""), texts(object, "peerURLs"),
                   texts(object, "clientURLs"), get_bool(object, "isLearner").value_or(false)});
  }
  return out;
}

void Etcd::add_learner(const std::string& peer_url) {
  call("/v3/cluster/member/add", {{"peerURLs", json::array{json::string(peer_url)}}, {"isLearner", true}});
}

void Etcd::promote(std::uint64_t id) {
  call("/v3/cluster/member/promote", {{"ID", std::to_string(id)}});
}

void Etcd::remove(std::uint64_t id) {
  call("/v3/cluster/member/remove", {{"ID", std::to_string(id)}});
}

EtcdStatus Etcd::status() {
  const auto answer = call("/v3/maintenance/status", {});
  EtcdStatus out;
  if (const auto* header = inner(answer, "header")) out.member = number(*header, "member_id");
  out.leader = number(answer, "leader");
  out.learner = get_bool(answer, "isLearner").value_or(false);
  return out;
}

bool Etcd::healthy() {
  try {
    get("health");
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace hlid::fake_rke2
