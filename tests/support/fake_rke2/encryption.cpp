#include "support/fake_rke2/encryption.h"

#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/datastore.h"
#include "support/fake_rke2/faults.h"
#include "support/fake_rke2/journal.h"
#include "support/fake_rke2/node.h"
#include "support/fake_rke2/pki.h"
#include "sys/files.h"
#include "sys/hash.h"

namespace hlid::fake_rke2 {
namespace {

const std::string kKey = "/fake-encryption";
const std::string kAnnotation = "rke2.io/encryption-config-hash";

fs::path file_of(const Config& config) {
  return config.layout().cred() / "encryption-config.json";
}

std::string key_type(const Config& config) {
  return config.text("secrets-encryption-provider", "aescbc");
}

json::object key_named(const Config& config, const std::string& name) {
  return {{"name", name}, {"type", key_type(config)}, {"secret", base64_encode(random_hex(16))}};
}

/// {"stage", "keys": [active first]}.
json::object read_state(Etcd& etcd) {
  const auto found = etcd.get(kKey);
  return found ? parse_json(found->value, kKey).as_object() : json::object();
}

void publish(const Config& config, const json::object& state) {
  sys::make_folder(file_of(config).parent_path(), 0700);
  sys::write_durable(file_of(config), to_pretty_text(state.at("keys")), 0600);
  const auto stage = std::string(state.at("stage").as_string());
  const auto hash = stage + "-" + sys::sha256_hex(to_text(state.at("keys")));
  auto api = local_admin(config.layout());
  api.update(node_path(config.node_name()), [&](json::object& node) {
    if (node.empty()) return false;
    auto& slot = metadata_of(node)["annotations"];
    if (!slot.is_object()) slot = json::object();
    slot.as_object()[kAnnotation] = hash;
    return true;
  });
}

/// Empty when all servers use the same; otherwise which two differ.
std::string mismatch(const Config& config) {
  auto api = local_admin(config.layout());
  std::string first;
  std::string hash;
  for (const auto& node : api.list("/api/v1/nodes")) {
    const auto found = mark_of(node, "annotations", kAnnotation);
    if (!found) continue;
    // The stage moves on one server; what must be equal are the keys.
    const auto keys = found->substr(found->rfind('-') + 1);
    if (first.empty()) {
      first = name_of(node);
      hash = keys;
    } else if (keys != hash) {
      return fmt::format("hash does not match between {} and {}", first, name_of(node));
    }
  }
  return {};
}

Response refuse(const std::string& why) {
  return {400, why + "\n", "text/plain"};
}

/// Secrets are written anew with the new key, then the old one goes.
void reencrypt(const Config& config) {
  std::thread([config] {
    std::this_thread::sleep_for(std::chrono::seconds(faults::number("reencrypt_delay", 2)));
    try {
      auto etcd = Datastore(config).local();
      auto state = read_state(etcd);
      state["stage"] = "reencrypt_finished";
      auto keys = state.at("keys").as_array();
      keys.resize(1);
      state["keys"] = keys;
      etcd.put(kKey, to_text(state));
      publish(config, state);
      journal::info("Secrets reencryption finished");
    } catch (const std::exception& problem) {
      journal::error("Secrets reencryption failed: {}", problem.what());
    }
  }).detach();
}

}  // namespace

void settle_encryption(const Config& config) {
  auto etcd = Datastore(config).local();
  auto state = read_state(etcd);
  if (state.empty()) {
    state = {{"stage", "start"}, {"keys", json::array{key_named(config, key_type(config) + "key")}}};
    etcd.put(kKey, to_text(state));
  }
  publish(config, state);
}

Response encryption_status(const Config& config) {
  auto etcd = Datastore(config).local();
  const auto state = read_state(etcd);
  const auto& keys = state.at("keys").as_array();
  json::object out{
      {"Stage", state.at("stage")}, {"ActiveKey", text_at(keys.front(), {"name"})}, {"Enable", true}};
  const auto problem = mismatch(config);
  out["HashMatch"] = problem.empty();
  if (!problem.empty()) out["HashError"] = problem;
  json::array inactive;
  for (std::size_t i = 1; i < keys.size(); ++i) inactive.emplace_back(text_at(keys[i], {"name"}));
  if (!inactive.empty()) out["InactiveKeys"] = std::move(inactive);
  out["KeyType"] = key_type(config) == "secretbox" ? "XSalsa20-POLY1305" : "AES-CBC";
  return {200, to_text(out)};
}

Response encryption_change(const Config& config, const std::string& body) {
  const auto request = parse_json(body, "request");
  const auto stage = get_string(request.as_object(), "stage").value_or("");
  if (stage != "rotate_keys") return refuse("invalid stage " + stage + " requested");
  if (const auto problem = mismatch(config); !problem.empty()) return refuse("invalid hash, " + problem);
  auto etcd = Datastore(config).local();
  auto state = read_state(etcd);
  if (state.at("stage") != "start" && state.at("stage") != "reencrypt_finished")
    return refuse("error, incorrect stage: " + std::string(state.at("stage").as_string()));
  auto& keys = state.at("keys").as_array();
  const auto name = fmt::format("{}key-{}", key_type(config), journal::now());
  keys.insert(keys.begin(), json::value(key_named(config, name)));
  state["stage"] = "reencrypt_active";
  etcd.put(kKey, to_text(state));
  publish(config, state);
  reencrypt(config);
  return {200, "{}"};
}

}  // namespace hlid::fake_rke2
