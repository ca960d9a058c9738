#include "node/service/formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <regex>
#include <set>

#include "base/ids.h"
#include "base/ip.h"
#include "base/text.h"
#include "node/auth/roles.h"
#include "node/forward/rule.h"
#include "node/service/schema.h"
#include "wire/vm_keys.h"
#include "wire/volume_id.h"

namespace hlid::node::service {
namespace {

constexpr std::size_t kLongestRegexText = 8192;

bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_alnum(char c) {
  return is_alpha(c) || is_digit(c);
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool all_of(std::string_view text, std::string_view extra) {
  return std::ranges::all_of(text,
                             [&](char c) { return is_alnum(c) || extra.find(c) != std::string_view::npos; });
}

bool is_label(std::string_view text) {  // one label of a host name
  return !text.empty() && is_alnum(text.front()) && is_alnum(text.back()) && all_of(text, "-");
}

bool is_dns_name(std::string_view text) {
  const auto labels = split(text, '.');
  return !text.empty() &&
         std::ranges::all_of(labels, [](const std::string& label) { return is_label(label); });
}

bool is_ipv6(std::string_view text) {
  if (text.empty() || text.size() > 45) return false;
  const auto gap = text.find("::");
  if (gap != std::string_view::npos && text.find("::", gap + 1) != std::string_view::npos) return false;
  std::size_t groups = 0;
  const auto parts = split(text, ':');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string& part = parts[i];
    if (part.empty()) {
      const bool edge = (i == 0 && text.starts_with("::")) || (i + 1 == parts.size() && text.ends_with("::"));
      if (gap == std::string_view::npos || (!edge && i != split(text.substr(0, gap), ':').size()))
        return false;
      continue;
    }
    if (i + 1 == parts.size() && part.find('.') != std::string::npos) {
      if (!parse_ipv4(part)) return false;
      groups += 2;
    } else if (part.size() > 4 || !std::ranges::all_of(part, is_hex)) {
      return false;
    } else {
      ++groups;
    }
  }
  return gap == std::string_view::npos ? groups == 8 : groups < 8;
}

bool has_prefix(std::string_view text, int low, int high,
                const std::function<bool(std::string_view)>& is_address) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos || !is_address(text.substr(0, slash))) return false;
  const std::string prefix(text.substr(slash + 1));
  if (prefix.empty() || prefix.size() > 3 || !std::ranges::all_of(prefix, is_digit)) return false;
  return std::stoi(prefix) >= low && std::stoi(prefix) <= high;
}

bool is_ipv4(std::string_view text) {
  return parse_ipv4(text).has_value();
}
bool is_cidr4(std::string_view text) {
  return has_prefix(text, 8, 32, is_ipv4);
}
bool is_cidr6(std::string_view text) {
  return has_prefix(text, 8, 128, is_ipv6);
}

bool is_config_id(std::string_view text) {
  return text.size() >= 2 && is_alpha(text.front()) && all_of(text, "-_");
}

bool is_storage_id(std::string_view text) {
  return text.size() >= 2 && is_alpha(text.front()) && is_alnum(text.back()) && all_of(text, "-_.");
}

bool is_volume_id(std::string_view text) {
  const auto colon = text.find(':');
  return colon != std::string_view::npos && colon + 1 < text.size() && is_storage_id(text.substr(0, colon));
}

bool is_netmask(std::string_view text) {
  const auto mask = parse_ipv4(text);
  return mask && ((~mask->value) & (~mask->value + 1)) == 0;
}

bool is_mac(std::string_view text) {
  if (text.size() != 17) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % 3 == 2 ? text[i] != ':' : !is_hex(text[i])) return false;
  }
  return std::string_view("02468aceACE").find(text[1]) != std::string_view::npos;
}

bool is_token_part(std::string_view text) {
  return text.size() >= 2 && is_alpha(text.front()) && all_of(text, "-_.");
}

bool is_user_id(std::string_view text) {
  const auto at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || text.size() < 3 || text.size() > 64) return false;
  const auto user = text.substr(0, at);
  return user.find_first_of(" \t\r\n:/") == std::string_view::npos && is_token_part(text.substr(at + 1));
}

bool is_token_id(std::string_view text) {
  const auto bang = text.rfind('!');
  return bang != std::string_view::npos && is_user_id(text.substr(0, bang)) &&
         is_token_part(text.substr(bang + 1));
}

bool is_tag(std::string_view text) {
  return !text.empty() && (is_alnum(text.front()) || text.front() == '_') && all_of(text, "_-+.");
}

bool is_name(std::string_view text) {
  return !text.empty() && all_of(text, "-_.");
}

bool is_boot_device(std::string_view text) {
  if (wire::is_drive_key(text) || wire::is_net_key(text)) return true;
  const auto key = wire::split_key(text);
  return key && ((key->kind == "usb" && key->index <= 13) || (key->kind == "hostpci" && key->index <= 15));
}

bool is_hotplug(std::string_view text) {
  if (text == "0" || text == "1") return true;
  static const std::set<std::string, std::less<>> features = {"network", "disk", "cpu",
                                                              "memory",  "usb",  "cloudinit"};
  const auto words = split_list(text, ",; ");
  return std::ranges::all_of(words, [&](const std::string& word) { return features.count(word) != 0; });
}

bool is_startup(std::string_view text) {
  static const std::string number = "\\d+";
  return matches(text, "((order=)?\\d+)?(,?(up|down)=\\d+)*") && !text.empty();
}

bool is_privilege(std::string_view text) {
  return auth::privilege_number(text).has_value();
}

bool is_content_type(std::string_view text) {
  static const std::set<std::string, std::less<>> known = {"images", "rootdir",  "vztmpl", "iso",
                                                           "backup", "snippets", "none",   "import"};
  return known.count(text) != 0;
}

struct Format {
  bool (*accepts)(std::string_view);
  std::string_view problem;  // {} is the text
};

const std::map<std::string_view, Format> kFormats = {
    {"pve-vmid",
     {[](std::string_view t) { return parse_vmid(t).has_value(); },
      "value does not look like a valid VM ID"}},
    {"pve-node", {is_label, "value does not look like a valid node name"}},
    {"dns-name", {is_dns_name, "value does not look like a valid DNS name"}},
    {"pve-configid", {is_config_id, "invalid configuration ID '{}'"}},
    {"pve-storage-id", {is_storage_id, "storage ID '{}' contains illegal characters"}},
    {"pve-volume-id", {is_volume_id, "unable to parse volume ID '{}'"}},
    {"pve-volume-id-or-qm-path",
     {[](std::string_view t) { return t == "none" || t == "cdrom" || t.starts_with('/') || is_volume_id(t); },
      "unable to parse volume ID '{}'"}},
    {"pve-volume-id-or-absolute-path",
     {[](std::string_view t) { return t.starts_with('/') || is_volume_id(t); },
      "unable to parse volume ID '{}'"}},
    {"ipv4", {is_ipv4, "value does not look like a valid IPv4 address"}},
    {"ipv6", {is_ipv6, "value does not look like a valid IPv6 address"}},
    {"ip",
     {[](std::string_view t) { return is_ipv4(t) || is_ipv6(t); },
      "value does not look like a valid IP address"}},
    {"address",
     {[](std::string_view t) { return is_ipv4(t) || is_ipv6(t) || is_dns_name(t); },
      "value does not look like a valid address: {}"}},
    {"ipv4mask", {is_netmask, "value does not look like a valid IP netmask"}},
    {"CIDRv4", {is_cidr4, "value does not look like a valid IPv4 network"}},
    {"CIDRv6", {is_cidr6, "value does not look like a valid IPv6 network"}},
    {"CIDR",
     {[](std::string_view t) { return is_cidr4(t) || is_cidr6(t); },
      "value does not look like a valid CIDR network"}},
    {"pve-ipv4-config",
     {[](std::string_view t) { return t == "dhcp" || t == "manual" || is_cidr4(t); },
      "value does not look like a valid ipv4 network configuration"}},
    {"pve-ipv6-config",
     {[](std::string_view t) { return t == "auto" || t == "dhcp" || t == "manual" || is_cidr6(t); },
      "value does not look like a valid ipv6 network configuration"}},
    {"mac-addr", {is_mac, "value does not look like a valid unicast MAC address"}},
    {"disk-size",
     {[](std::string_view t) { return matches(t, "\\d+(\\.\\d+)?[KMGT]?(iB)?"); },
      "value does not look like a valid disk size: {}"}},
    {"urlencoded",
     {[](std::string_view t) { return all_of(t, "-%_.!~*'()"); }, "invalid urlencoded string: {}"}},
    {"pve-tag", {is_tag, "invalid characters in tag"}},
    {"pve-bridge-id", {is_name, "invalid bridge ID '{}'"}},
    {"pve-iface",
     {[](std::string_view t) { return matches(t, "[a-zA-Z][a-zA-Z0-9_]{1,20}([:.]\\d+)?"); },
      "invalid network interface name '{}'"}},
    {"pve-userid", {is_user_id, "value '{}' does not look like a valid user name"}},
    {"pve-tokenid", {is_token_id, "value '{}' does not look like a valid token ID"}},
    {"pve-realm", {is_token_part, "value does not look like a valid realm"}},
    {"pve-roleid", {is_name, "role name '{}' contains invalid characters"}},
    {"pve-groupid", {is_name, "group name '{}' contains invalid characters"}},
    {"pve-poolid",
     {[](std::string_view t) { return matches(t, "[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){0,2}"); },
      "pool name '{}' contains invalid characters"}},
    {"pve-priv", {is_privilege, "invalid privilege '{}'"}},
    {"pve-storage-content", {is_content_type, "invalid content type '{}'"}},
    {"pve-storage-path",
     {[](std::string_view t) {
        return t.size() > 1 && t.front() == '/' && t.find_first_of(";()") == std::string_view::npos;
      },
      "value does not look like a valid absolute path"}},
    {"pve-qm-bootdev", {is_boot_device, "invalid boot device '{}'"}},
    {"pve-qm-bootdisk",
     {[](std::string_view t) { return wire::is_drive_key(t); },
      "value does not look like a valid boot disk"}},
    {"pve-hotplug-features", {is_hotplug, "unable to parse hotplug option"}},
    {"pve-startup-order", {is_startup, "unable to parse startup options"}},
    {"pve-ha-resource-id",
     {[](std::string_view t) { return matches(t, "(vm|ct):[1-9][0-9]{2,8}"); },
      "value does not look like a valid ha resource id"}},
    {"pve-ha-resource-or-vm-id",
     {[](std::string_view t) { return matches(t, "((vm|ct):)?[1-9][0-9]{2,8}"); },
      "value does not look like a valid ha resource id"}},
    {"pve-task-status-type",
     {[](std::string_view t) { return t == "ok" || t == "error" || t == "warning" || t == "unknown"; },
      "invalid status type '{}'"}},
    {"email",
     {[](std::string_view t) {
        return t.find('@') != std::string_view::npos && t.find_first_of(" <>") == std::string_view::npos;
      },
      "value does not look like a valid email address"}},
    {"hlid-endpoint",
     {[](std::string_view t) { return forward::parse_endpoint(t).has_value(); },
      "'{}' is no address and port"}},
    {"pve-cpuset",
     {[](std::string_view t) { return matches(t, "\\d+(-\\d+)?(,\\d+(-\\d+)?)*"); },
      "value does not look like a valid CPU set"}},
};

std::string single_problem(std::string_view format, std::string_view text) {
  const auto found = kFormats.find(format);
  if (found == kFormats.end() || found->second.accepts(text)) return {};
  return fmt::format(fmt::runtime(found->second.problem), text) + "\n";
}

}  // namespace

bool matches(std::string_view text, const std::string& pattern) {
  if (text.size() > kLongestRegexText) return false;
  const std::regex regex(pattern, std::regex::ECMAScript | std::regex::optimize);
  return std::regex_match(text.begin(), text.end(), regex);
}

std::string format_problem(std::string_view format, std::string_view text) {
  if (format.ends_with("-opt")) {
    return text.empty() ? std::string() : single_problem(format.substr(0, format.size() - 4), text);
  }
  if (!format.ends_with("-list")) return single_problem(format, text);
  const auto item_format = format.substr(0, format.size() - 5);
  for (const std::string& item : split_list(text, std::string_view(",; \t\r\n\0", 7))) {
    if (auto problem = single_problem(item_format, item); !problem.empty()) return problem;
  }
  return {};
}

}  // namespace hlid::node::service
