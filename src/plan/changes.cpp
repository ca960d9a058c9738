#include "plan/changes.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/text.h"

namespace hlid::plan {
namespace {

using model::Disruption;

constexpr std::string_view kNextBoot = " (cloud-init: in effect at the next boot)";

std::vector<std::string> wanted_tags(const model::Homelab& wanted, const model::Machine& machine) {
  auto tags = model::ownership_tags(wanted.name);
  for (const auto& tag : machine.tags)
    if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(tag);
  return tags;
}

std::string addresses(const std::vector<Ipv4>& list) {
  std::vector<std::string> parts;
  for (const auto address : list) parts.push_back(to_string(address));
  return join(parts, " ");
}

/// A key without its comment, which says nothing about who may log in.
std::string bare_key(const std::string& line) {
  const auto words = split_list(line, " \t");
  return words.size() < 2 ? line : words[0] + " " + words[1];
}

std::set<std::string> bare_keys(const std::vector<std::string>& lines) {
  std::set<std::string> keys;
  for (const auto& line : lines) keys.insert(bare_key(line));
  return keys;
}

std::string first_word(const std::string& cpu) {
  return cpu.substr(0, cpu.find(','));
}

std::string or_none(const std::string& text) {
  return text.empty() ? "none" : text;
}

/// Collects what differs.
class Comparison {
 public:
  void compare(bool same, std::string key, std::string value, std::string reason,
               Disruption disruption = Disruption::live) {
    if (!same) changes.push_back({std::move(key), std::move(value), std::move(reason), disruption});
  }
  void cloud_init(bool same, std::string key, std::string value, std::string reason) {
    compare(same, std::move(key), std::move(value), reason + std::string(kNextBoot));
  }
  std::vector<Change> changes;
};

void compare_hardware(Comparison& c, const model::Homelab& wanted, const model::Machine& machine,
                      const model::ObservedMachine& there) {
  c.compare(there.cores == machine.cores, "cores", std::to_string(machine.cores),
            fmt::format("cores {} → {}", there.cores, machine.cores), Disruption::reboot);
  c.compare(there.memory == machine.memory, "memory", std::to_string(machine.memory.count),
            fmt::format("memory {} → {}", to_string(there.memory), to_string(machine.memory)),
            Disruption::reboot);
  c.compare(first_word(there.cpu) == "host", "cpu", "host", fmt::format("cpu {} → host", or_none(there.cpu)),
            Disruption::reboot);
  c.compare(there.agent.value_or(true), "agent", "1", "guest agent off → on", Disruption::reboot);
  const auto& bridge = wanted.proxmox.bridge;
  c.compare(there.bridge == bridge, "bridge", bridge,
            fmt::format("bridge {} → {}", or_none(there.bridge), bridge));
}

void compare_labels(Comparison& c, const model::Homelab& wanted, const model::Machine& machine,
                    const model::ObservedMachine& there) {
  const auto tags = wanted_tags(wanted, machine);
  c.compare(std::set(tags.begin(), tags.end()) == std::set(there.tags.begin(), there.tags.end()), "tags",
            join(tags, ";"), fmt::format("tags {} → {}", or_none(join(there.tags, ";")), join(tags, ";")));
  c.compare(there.start_at_boot == machine.start_at_boot, "onboot", machine.start_at_boot ? "1" : "0",
            machine.start_at_boot ? "start at boot off → on" : "start at boot on → off");
}

void compare_cloud_init(Comparison& c, const model::Homelab& wanted, const model::Machine& machine,
                        const model::ObservedMachine& there) {
  const auto& network = wanted.network;
  const auto& access = wanted.access;
  c.cloud_init(there.has_cloud_init_drive, "cloud_init_drive", "1", "cloud-init drive added");
  c.cloud_init(there.address == machine.address, "address", to_string(machine.address),
               fmt::format("address {} → {}", there.address ? to_string(*there.address) : "none",
                           to_string(machine.address)));
  c.cloud_init(there.gateway == network.gateway, "gateway", to_string(network.gateway),
               fmt::format("gateway {} → {}", there.gateway ? to_string(*there.gateway) : "none",
                           to_string(network.gateway)));
  c.cloud_init(there.dns == network.dns, "dns", addresses(network.dns),
               fmt::format("dns {} → {}", or_none(addresses(there.dns)), addresses(network.dns)));
  c.cloud_init(
      there.search_domain == network.search_domain, "search_domain", network.search_domain,
      fmt::format("search domain {} → {}", or_none(there.search_domain), or_none(network.search_domain)));
  c.cloud_init(there.user == access.user, "user", access.user,
               fmt::format("user {} → {}", or_none(there.user), access.user));
  c.cloud_init(
      access.authorized_keys.empty() || bare_keys(there.authorized_keys) == bare_keys(access.authorized_keys),
      "authorized_keys", join(access.authorized_keys, "\n"),
      fmt::format("authorized keys: {} → {}", there.authorized_keys.size(), access.authorized_keys.size()));
  // a password that the file no longer names is left alone: whether it resolves depends on who runs hlid
  c.cloud_init(access.console_password.empty() || there.has_password, "password", "set",
               "console password set");
}

}  // namespace

std::vector<Change> changes_of(const model::Homelab& wanted, const model::Machine& machine,
                               const model::ObservedMachine& there) {
  Comparison comparison;
  compare_hardware(comparison, wanted, machine, there);
  compare_labels(comparison, wanted, machine, there);
  compare_cloud_init(comparison, wanted, machine, there);
  return std::move(comparison.changes);
}

std::vector<Change> everything_of(const model::Homelab& wanted, const model::Machine& machine) {
  model::ObservedMachine nothing;
  nothing.agent = false;
  nothing.start_at_boot = !machine.start_at_boot;
  nothing.search_domain = "\n";  // equals no domain, not even none
  auto changes = changes_of(wanted, machine, nothing);
  changes.push_back({"uuid", machine_uuid(wanted.name, machine.name).text, "", Disruption::live});
  changes.push_back({"mac", model::machine_mac(wanted.name, machine.name), "", Disruption::live});
  return changes;
}

}  // namespace hlid::plan
