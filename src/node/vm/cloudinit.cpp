#include "node/vm/cloudinit.h"

#include <algorithm>

#include "base/error.h"
#include "base/ip.h"
#include "base/text.h"
#include "node/qemu/devices.h"
#include "sys/hash.h"
#include "wire/api_error.h"
#include "wire/property_string.h"
#include "wire/vm_keys.h"

namespace hlid::node::vm {
namespace {

/// Everything that the formats share.
struct Facts {
  std::string hostname;
  std::string fqdn;
  std::vector<std::string> servers;
  std::string search_domain;
  std::vector<std::string> ssh_keys;
};

std::vector<std::string> key_lines(const std::string& encoded) {
  std::vector<std::string> lines;
  for (const auto& line : split(percent_decode(encoded), '\n')) {
    if (!trim(line).empty()) lines.emplace_back(trim(line));
  }
  return lines;
}

Facts facts_of(Vmid vmid, const config::Section& values, const HostDns& dns) {
  Facts facts;
  const std::string name = values.get("name", "VM" + to_string(vmid));
  const auto dot = name.find('.');
  facts.hostname = name.substr(0, dot);
  facts.servers = split_list(values.get("nameserver"), " ,;");
  if (facts.servers.empty()) facts.servers = dns.servers;
  facts.search_domain = values.get("searchdomain", dns.search_domain);
  // A name with a domain is whole; one without gets the search domain.
  facts.fqdn =
      dot != std::string::npos || facts.search_domain.empty() ? name : name + "." + facts.search_domain;
  facts.ssh_keys = key_lines(values.get("sshkeys"));
  return facts;
}

std::string user_data(const config::Section& values, const Facts& facts) {
  const std::string user = values.get("ciuser");
  std::string out =
      "#cloud-config\nhostname: " + facts.hostname + "\nmanage_etc_hosts: true\nfqdn: " + facts.fqdn + "\n";
  if (!user.empty()) out += "user: " + user + "\n";
  if (user == "root") out += "disable_root: False\n";
  if (const auto* password = values.find("cipassword")) out += "password: " + *password + "\n";
  if (!facts.ssh_keys.empty()) {
    out += "ssh_authorized_keys:\n";
    for (const auto& key : facts.ssh_keys) out += "  - " + key + "\n";
  }
  out += "chpasswd:\n  expire: False\n";
  if (user != "root") out += "users:\n  - default\n";
  if (values.get("ciupgrade", "1") != "0") out += "package_upgrade: true\n";
  return out;
}

struct Link {
  int index;
  std::string mac;
  IpConfig ip;
};

/// Cards with an ipconfigN, in the order of their keys as text (net0, net1, net10, net2).
std::vector<Link> links_of(const config::Section& values) {
  std::vector<Link> links;
  for (const auto& [key, value] : values) {
    if (!wire::is_net_key(key)) continue;
    const auto card = qemu::parse_net(key, value);
    if (const auto* ip = values.find("ipconfig" + std::to_string(card.index))) {
      links.push_back({card.index, to_lower(card.mac), parse_ipconfig(*ip)});
    }
  }
  return links;
}

std::string netmask_of(const std::string& cidr) {
  const auto parsed = parse_cidr(cidr);
  return parsed ? to_string(parsed->netmask()) : std::string();
}
std::string address_of(const std::string& cidr) {
  return cidr.substr(0, cidr.find('/'));
}

std::string subnets(const IpConfig& ip) {
  std::string out;
  if (ip.ip == "dhcp") {
    out += "      - type: dhcp4\n";
  } else if (!ip.ip.empty()) {
    out += "      - type: static\n        address: '" + address_of(ip.ip) + "'\n        netmask: '" +
           netmask_of(ip.ip) + "'\n";
    if (!ip.gw.empty()) out += "        gateway: '" + ip.gw + "'\n";
  }
  if (ip.ip6 == "dhcp") {
    out += "      - type: dhcp6\n";
  } else if (ip.ip6 == "auto") {
    out += "      - type: ipv6_slaac\n";
  } else if (!ip.ip6.empty()) {
    out += "      - type: static6\n        address: '" + ip.ip6 + "'\n";
    if (!ip.gw6.empty()) out += "        gateway: '" + ip.gw6 + "'\n";
  }
  return out;
}

std::string network_config(const config::Section& values, const Facts& facts) {
  std::string out = "version: 1\nconfig:\n";
  for (const auto& link : links_of(values)) {
    out += fmt::format("    - type: physical\n      name: eth{}\n      mac_address: '{}'\n      subnets:\n",
                       link.index, link.mac);
    out += subnets(link.ip);
  }
  if (facts.servers.empty() && facts.search_domain.empty()) return out;
  out += "    - type: nameserver\n";
  if (!facts.servers.empty()) {
    out += "      address:\n";
    for (const auto& server : facts.servers) out += "      - '" + server + "'\n";
  }
  if (!facts.search_domain.empty()) out += "      search:\n      - '" + facts.search_domain + "'\n";
  return out;
}

/// Debian's interfaces(5), for configdrive2.
std::string interfaces(const config::Section& values, const Facts& facts) {
  std::string out = "auto lo\niface lo inet loopback\n\n";
  if (!facts.servers.empty()) out += "        dns_nameservers " + join(facts.servers, " ") + "\n";
  if (!facts.search_domain.empty()) out += "        dns_search " + facts.search_domain + "\n";
  for (const auto& link : links_of(values)) {
    const std::string name = "eth" + std::to_string(link.index);
    out += "auto " + name + "\n";
    if (link.ip.ip == "dhcp") {
      out += "iface " + name + " inet dhcp\n";
    } else if (!link.ip.ip.empty()) {
      out += "iface " + name + " inet static\n        address " + address_of(link.ip.ip) +
             "\n        netmask " + netmask_of(link.ip.ip) + "\n";
      if (!link.ip.gw.empty()) out += "        gateway " + link.ip.gw + "\n";
    }
    if (link.ip.ip6 == "dhcp" || link.ip.ip6 == "auto") {
      out += "iface " + name + " inet6 " + link.ip.ip6 + "\n";
    } else if (!link.ip.ip6.empty()) {
      const auto slash = link.ip.ip6.find('/');
      out += "iface " + name + " inet6 static\n        address " + link.ip.ip6.substr(0, slash) +
             "\n        netmask " + (slash == std::string::npos ? "64" : link.ip.ip6.substr(slash + 1)) +
             "\n";
      if (!link.ip.gw6.empty()) out += "        gateway " + link.ip.gw6 + "\n";
    }
  }
  return out;
}

std::string opennebula(const config::Section& values, const Facts& facts) {
  std::string out;
  if (const auto* user = values.find("ciuser")) out += "USERNAME=" + *user + "\n";
  if (const auto* password = values.find("cipassword")) {
    out += "CRYPTED_PASSWORD_BASE64=" + base64_encode(*password) + "\n";
  }
  if (!facts.ssh_keys.empty()) out += "\nSSH_PUBLIC_KEY=\"" + join(facts.ssh_keys, "\n") + "\"\n";
  out += "SET_HOSTNAME=" + facts.hostname + "\n";
  if (!facts.search_domain.empty()) out += "SEARCH_DOMAIN=" + facts.search_domain + "\n";
  if (!facts.servers.empty()) out += "DNS=\"" + join(facts.servers, " ") + "\"\n";
  for (const auto& link : links_of(values)) {
    const std::string eth = "ETH" + std::to_string(link.index);
    if (!link.ip.ip.empty() && link.ip.ip != "dhcp") {
      out += eth + "_IP=" + address_of(link.ip.ip) + "\n" + eth + "_MASK=" + netmask_of(link.ip.ip) + "\n" +
             eth + "_MAC=\n";
      if (!link.ip.gw.empty()) out += eth + "_GATEWAY=" + link.ip.gw + "\n";
    }
  }
  return out + "NETWORK=YES\n";
}

std::string instance_id(const std::string& user, const std::string& network) {
  return sys::sha1_hex(user + network);
}

bool is_key_type(std::string_view type) {
  return type == "ssh-rsa" || type == "ssh-ed25519" || type == "ssh-dss" ||
         type.rfind("ecdsa-sha2-", 0) == 0 || type.rfind("sk-", 0) == 0;
}

/// RFC 4253, section 6.6: the blob begins with its own type's name.
bool is_ssh_key(const std::string& line) {
  const auto words = split_list(line, " \t");
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (!is_key_type(words[i])) continue;
    std::string blob;
    try {
      blob = base64_decode(words[i + 1]);
    } catch (const Error&) {
      return false;
    }
    const std::string prefix{0, 0, 0, static_cast<char>(words[i].size())};
    return blob.size() > words[i].size() + 8 && blob.rfind(prefix + words[i], 0) == 0;
  }
  return false;
}

}  // namespace

HostDns parse_resolv_conf(std::string_view text) {
  HostDns dns;
  for (const auto& line : split(text, '\n')) {
    const auto words = split_list(line, " \t");
    if (words.size() < 2) continue;
    if (words[0] == "nameserver" && dns.servers.size() < 3) dns.servers.push_back(words[1]);
    if (words[0] == "search" || words[0] == "domain") dns.search_domain = words[1];
  }
  return dns;
}

IpConfig parse_ipconfig(std::string_view value) {
  const auto options = wire::PropertyString::parse(value);
  IpConfig ip{options.get_or("ip", ""), options.get_or("gw", ""), options.get_or("ip6", ""),
              options.get_or("gw6", "")};
  if (ip.ip.empty() && ip.ip6.empty()) ip.ip = ip.ip6 = "dhcp";
  if (ip.ip == "manual") ip.ip.clear();
  return ip;
}

bool is_cloudinit_key(std::string_view key, bool and_hardware) {
  for (const std::string_view one :
       {"ciuser", "cipassword", "sshkeys", "nameserver", "searchdomain", "cicustom", "citype", "ciupgrade"}) {
    if (key == one) return true;
  }
  const auto parts = wire::split_key(key);
  if (parts && parts->kind == "ipconfig") return true;
  return and_hardware && (key == "name" || wire::is_net_key(key));
}

CloudInitDrive cloudinit_drive(Vmid vmid, const config::Section& values, const HostDns& dns) {
  const Facts facts = facts_of(vmid, values, dns);
  const bool windows = values.get("ostype").rfind("win", 0) == 0;
  const std::string type = values.get("citype", windows ? "configdrive2" : "nocloud");
  const std::string user = user_data(values, facts);
  if (type == "opennebula") return {"CONTEXT", {{"context.sh", opennebula(values, facts)}}};
  if (type == "configdrive2") {
    const std::string network = interfaces(values, facts);
    const std::string meta = "{\n     \"uuid\": \"" + instance_id(user, network) +
                             "\",\n     \"network_config\": { \"content_path\": \"/content/0000\" }\n}\n";
    return {"config-2",
            {{"openstack/latest/user_data", user},
             {"openstack/content/0000", network},
             {"openstack/latest/meta_data.json", meta},
             {"openstack/latest/vendor_data.json", ""}}};
  }
  const std::string network = network_config(values, facts);
  return {"cidata",
          {{"user-data", user},
           {"network-config", network},
           {"meta-data", "instance-id: " + instance_id(user, network) + "\n"},
           {"vendor-data", ""}}};
}

guest::Identity cloudinit_identity(Vmid vmid, const config::Section& values, const HostDns& dns) {
  const Facts facts = facts_of(vmid, values, dns);
  guest::Identity identity;
  identity.instance_id = instance_id(user_data(values, facts), network_config(values, facts));
  identity.hostname = facts.hostname;
  identity.fqdn = facts.fqdn;
  identity.uuid = to_lower(wire::PropertyString::parse(values.get("smbios1"), "uuid").get_or("uuid", ""));
  identity.user = values.get("ciuser");
  identity.password_hash = values.get("cipassword");
  identity.authorized_keys = facts.ssh_keys;
  for (const auto& link : links_of(values)) {
    identity.mac = link.mac;
    identity.address = link.ip.ip;
    identity.gateway = link.ip.gw;
  }
  identity.dns = facts.servers;
  if (!facts.search_domain.empty()) identity.search = {facts.search_domain};
  return identity;
}

std::string cloudinit_file(Vmid vmid, const config::Section& values, const HostDns& dns,
                           std::string_view type) {
  const CloudInitDrive drive = cloudinit_drive(vmid, values, dns);
  const auto file = [&drive](const char* path) {
    const auto at = drive.files.find(path);
    return at != drive.files.end() ? at->second : std::string();
  };
  if (drive.label == "CONTEXT") return file("context.sh");
  const bool openstack = drive.label == "config-2";
  if (type == "user") return file(openstack ? "openstack/latest/user_data" : "user-data");
  if (type == "network") return file(openstack ? "openstack/content/0000" : "network-config");
  return file(openstack ? "openstack/latest/meta_data.json" : "meta-data");
}

void check_ssh_keys(const std::string& encoded) {
  const auto lines = key_lines(encoded);
  const bool good = std::all_of(lines.begin(), lines.end(),
                                [](const std::string& line) { return line[0] == '#' || is_ssh_key(line); });
  if (!good) throw wire::failure("SSH public key validation error");
}

}  // namespace hlid::node::vm
