#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "spec/rules.h"

namespace hlid::spec {
namespace {

constexpr Ipv4 kEveryAddress{0};

std::vector<Ipv4> addresses_of(const std::string& to, const Draft& draft) {
  if (to == "vip" && draft.lab.cluster && draft.lab.cluster->vip) return {*draft.lab.cluster->vip};
  if (const auto address = parse_ipv4(to)) return {*address};
  std::vector<Ipv4> group, machine;
  for (const auto& placed : draft.machines) {
    const auto& [name, address] = std::pair(placed.machine.name, placed.machine.address.address);
    if (placed.machine.group == to) group.push_back(address);
    if (name == to || name == draft.lab.name + "-" + to) machine.push_back(address);
  }
  return group.empty() ? machine : group;
}

void unknown_target(const Section& item, const Draft& draft, Diagnostics& diagnostics) {
  const auto to = item.text("to");
  if (to == "vip") {
    diagnostics.error(item.at("to"), "the cluster has no vip", "give it one: cluster: {vip: ADDRESS}");
    return;
  }
  std::vector<std::string> known{"vip"};
  for (const auto& group : draft.groups) known.push_back(group.name);
  const auto groups = join(known, ", ");
  for (const auto& placed : draft.machines) known.push_back(placed.machine.name);
  const auto near = suggest(to, known);
  diagnostics.error(item.at("to"), fmt::format("there is no group or machine '{}'", to),
                    near.empty() ? fmt::format("one of {}, a machine, or an address", groups)
                                 : fmt::format("did you mean '{}'?", near));
}

void check_target_of(const Section& item, const Draft& draft, Diagnostics& diagnostics) {
  if (!item.has("to")) return;
  const auto publish = build_publish(item, draft);
  if (publish.addresses.empty()) return unknown_target(item, draft, diagnostics);
  const auto address = parse_ipv4(publish.to);
  if (!address) return;  // of a machine or the vip: said there
  if (const auto fault = unfit(*address, draft.lab.network.cidr))
    diagnostics.error(item.at("to"), "'to': " + fault->message, fault->hint);
}

bool collide(const model::Publish& a, const model::Publish& b) {
  return a.port == b.port && (a.listen == b.listen || a.listen == kEveryAddress || b.listen == kEveryAddress);
}

}  // namespace

model::Publish build_publish(const Section& from, const Draft& draft) {
  model::Publish publish;
  publish.listen = parse_ipv4(from.text("listen")).value_or(Ipv4{});
  publish.port = from.integer("port");
  publish.to = from.text("to");
  publish.addresses = addresses_of(publish.to, draft);
  publish.target_port = from.has("target_port") ? from.integer("target_port") : publish.port;
  return publish;
}

void check_publish_rules(const Section& top, const Draft& draft, Diagnostics& diagnostics) {
  std::vector<std::pair<model::Publish, int>> earlier;  // and the line
  const bool network_known = !top.map("network").is_wrong("cidr");
  for (const auto& item : top.maps("publish")) {
    if (network_known) check_target_of(item, draft, diagnostics);
    if (!item.has("port") || item.is_wrong("listen")) continue;
    const auto publish = build_publish(item, draft);
    const auto same = std::find_if(earlier.begin(), earlier.end(),
                                   [&](const auto& other) { return collide(other.first, publish); });
    if (same != earlier.end())
      diagnostics.error(item.at("port"),
                        fmt::format("port {} of {} is published twice", publish.port,
                                    to_string(std::max(publish.listen, same->first.listen))),
                        fmt::format("the first is in line {}; take another port", same->second));
    earlier.emplace_back(publish, item.at("port").line);
  }
}

}  // namespace hlid::spec
