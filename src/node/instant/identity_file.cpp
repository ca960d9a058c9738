#include "node/instant/identity_file.h"

#include "base/json.h"
#include "base/text.h"
#include "sys/files.h"
#include "sys/process.h"

namespace hlid::node::instant {
namespace {

void add_line(std::string& out, const char* key, const std::string& value) {
  if (!value.empty()) out += std::string(key) + " " + percent_encode(value) + "\n";
}

void add_lines(std::string& out, const char* key, const std::vector<std::string>& values) {
  for (const auto& value : values) add_line(out, key, value);
}

/// A block scalar of YAML: every line indented below its key.
std::string block(const std::string& key, const std::string& text) {
  std::string out = "  " + key + ": |\n";
  for (const auto& line : split(trim(text).empty() ? "" : std::string(trim(text)), '\n'))
    out += "    " + line + "\n";
  return out;
}

guest::HostKey make_key(sys::ProcessRunner& runner, const sys::TempFolder& folder, const std::string& kind,
                        const std::string& comment) {
  const auto file = folder.path() / kind;
  sys::run_checked(runner,
                   {.argv = {"ssh-keygen", "-q", "-t", kind, "-N", "", "-C", comment, "-f", file.string()}});
  return {kind, sys::read_file(file), std::string(trim(sys::read_file(file.string() + ".pub")))};
}

}  // namespace

std::string print_identity(const guest::Identity& identity) {
  std::string out = "version 1\n";
  add_line(out, "instance-id", identity.instance_id);
  add_line(out, "hostname", identity.hostname);
  add_line(out, "fqdn", identity.fqdn);
  add_line(out, "machine-id", identity.machine_id);
  add_line(out, "uuid", identity.uuid);
  add_line(out, "user", identity.user);
  add_line(out, "password", identity.password_hash);
  add_lines(out, "authorized-key", identity.authorized_keys);
  for (const auto& key : identity.host_keys)
    out += "host-key " + percent_encode(key.kind) + " " + percent_encode(key.private_key) + " " +
           percent_encode(key.public_key) + "\n";
  add_line(out, "mac", identity.mac);
  add_line(out, "address", identity.address);
  add_line(out, "gateway", identity.gateway);
  add_lines(out, "dns", identity.dns);
  add_lines(out, "search", identity.search);
  return out;
}

std::vector<guest::HostKey> make_host_keys(sys::ProcessRunner& runner, const std::string& comment) {
  const sys::TempFolder folder("hostkeys");
  std::vector<guest::HostKey> keys;
  for (const char* kind : {"ed25519", "ecdsa"}) keys.push_back(make_key(runner, folder, kind, comment));
  return keys;
}

std::string vendor_data(const std::vector<guest::HostKey>& keys) {
  std::string out = "#cloud-config\nssh_keys:\n";
  for (const auto& key : keys) {
    out += block(key.kind + "_private", key.private_key);
    out += "  " + key.kind + "_public: " + key.public_key + "\n";
  }
  return out;
}

std::string print_host_keys(const std::vector<guest::HostKey>& keys) {
  json::array list;
  for (const auto& key : keys)
    list.push_back(
        json::object{{"kind", key.kind}, {"private", key.private_key}, {"public", key.public_key}});
  return to_pretty_text(list);
}

std::vector<guest::HostKey> parse_host_keys(const std::string& text) {
  std::vector<guest::HostKey> keys;
  const json::value parsed = parse_json(text, "host keys");
  if (!parsed.is_array()) return keys;
  for (const auto& item : parsed.get_array()) {
    if (!item.is_object()) continue;
    const auto& one = item.get_object();
    guest::HostKey key{get_string(one, "kind").value_or(""), get_string(one, "private").value_or(""),
                       get_string(one, "public").value_or("")};
    if (!key.kind.empty() && !key.private_key.empty() && !key.public_key.empty())
      keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace hlid::node::instant
