#include "guest/identity.h"

#include <functional>
#include <map>

namespace hlid::guest {
namespace {

constexpr std::size_t kMost = 256 * 1024;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// "ed25519 <private, encoded> <public, encoded>"; each part is encoded by itself, so blanks separate them.
std::optional<HostKey> parse_host_key(std::string_view raw) {
  const auto first = raw.find(' ');
  const auto second = first == std::string_view::npos ? first : raw.find(' ', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  HostKey key{decode(raw.substr(0, first)), decode(raw.substr(first + 1, second - first - 1)),
              decode(raw.substr(second + 1))};
  const bool known = key.kind == "rsa" || key.kind == "ecdsa" || key.kind == "ed25519";
  if (!known || key.private_key.empty() || key.public_key.empty()) return std::nullopt;
  return key;
}

bool is_machine_id(std::string_view text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool take_line(Identity& identity, std::string_view key, std::string_view raw) {
  const std::map<std::string_view, std::string*> texts{{"instance-id", &identity.instance_id},
                                                       {"hostname", &identity.hostname},
                                                       {"fqdn", &identity.fqdn},
                                                       {"machine-id", &identity.machine_id},
                                                       {"uuid", &identity.uuid},
                                                       {"user", &identity.user},
                                                       {"password", &identity.password_hash},
                                                       {"mac", &identity.mac},
                                                       {"address", &identity.address},
                                                       {"gateway", &identity.gateway}};
  const std::map<std::string_view, std::vector<std::string>*> lists{
      {"authorized-key", &identity.authorized_keys}, {"dns", &identity.dns}, {"search", &identity.search}};
  if (const auto text = texts.find(key); text != texts.end()) {
    *text->second = decode(raw);
  } else if (const auto list = lists.find(key); list != lists.end()) {
    list->second->push_back(decode(raw));
  } else if (key == "host-key") {
    auto parsed = parse_host_key(raw);
    if (!parsed) return false;
    identity.host_keys.push_back(std::move(*parsed));
  } else {
    return false;
  }
  return true;
}

std::string missing_part(const Identity& identity) {
  if (identity.instance_id.empty() || identity.instance_id.find('/') != std::string::npos)
    return "instance-id";
  if (identity.hostname.empty()) return "hostname";
  if (!is_machine_id(identity.machine_id)) return "machine-id";
  if (identity.user.empty()) return "user";
  if (identity.host_keys.empty()) return "host-key";
  return {};
}

}  // namespace

std::optional<Identity> parse_identity(std::string_view text, std::string& why) {
  constexpr std::string_view kHead = "version 1\n";
  if (text.size() > kMost || !text.starts_with(kHead)) {
    why = "not an identity file of version 1";
    return std::nullopt;
  }
  text.remove_prefix(kHead.size());
  Identity identity;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const auto blank = line.find(' ');
    if (line.empty()) continue;
    if (blank == std::string_view::npos ||
        !take_line(identity, line.substr(0, blank), line.substr(blank + 1))) {
      why = "cannot read the line of '" + std::string(line.substr(0, blank)) + "'";
      return std::nullopt;
    }
  }
  const auto missing = missing_part(identity);
  if (missing.empty()) return identity;
  why = "no usable " + missing;
  return std::nullopt;
}

}  // namespace hlid::guest
