#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "spec/rules.h"

namespace hlid::spec {
namespace {

constexpr std::size_t kMostMachines = 5000;

void check_names(const Draft& draft, Diagnostics& diagnostics) {
  std::map<std::string, int> lines;
  for (const auto& group : draft.groups) {
    if (group.name.empty()) continue;
    const auto [known, is_new] = lines.emplace(group.name, group.name_at.line);
    if (!is_new)
      diagnostics.error(group.name_at, fmt::format("group '{}' is given twice", group.name),
                        fmt::format("the first is in line {}; give this one another name", known->second));
    const auto longest = fmt::format("{}-{}-{}", draft.lab.name, group.name, group.count);
    if (longest.size() > 63)
      diagnostics.error(
          group.name_at,
          fmt::format("'{}' has {} characters; a host name has at most 63", longest, longest.size()),
          "shorten the name of the lab or of the group");
  }
}

void check_template_name(const Section& top, const Draft& draft, Diagnostics& diagnostics) {
  for (const auto& placed : draft.machines)
    if (placed.machine.name == draft.lab.image.name)
      diagnostics.error(top.map("template").at("name"),
                        fmt::format("the template has the name of machine '{}'", placed.machine.name),
                        "give it another name");
}

void check_tags(const Draft& draft, Diagnostics& diagnostics) {
  for (const auto& group : draft.groups)
    for (const auto& [tag, at] : group.tags)
      if (tag == draft.lab.name)
        diagnostics.error(at, fmt::format("tag '{}' is set by hlid itself", tag), "leave it out");
}

void check_overrides(const Draft& draft, Diagnostics& diagnostics) {
  for (const auto& group : draft.groups)
    for (const auto& [number, at] : group.overrides)
      if (number > group.count)
        diagnostics.error(at, fmt::format("there is no machine {} in group '{}'", number, group.name),
                          fmt::format("the group has {}; raise 'count' or remove the override", group.count));
}

void check_nodes(const Draft& draft, Diagnostics& diagnostics) {
  const auto& nodes = draft.lab.proxmox.nodes;
  std::map<Position, bool> said;
  for (const auto& placed : draft.machines) {
    const auto& node = placed.machine.node;
    if (std::find(nodes.begin(), nodes.end(), node) != nodes.end() || said[placed.node_at]) continue;
    said[placed.node_at] = true;
    const auto near = suggest(node, nodes);
    diagnostics.error(
        placed.node_at, fmt::format("node '{}' is not among proxmox.node", node),
        near.empty() ? fmt::format("known: {}", join(nodes, ", ")) : fmt::format("did you mean '{}'?", near));
  }
}

/// What says how an image is built says nothing about one that is there already.
void check_own_image(const Section& top, Diagnostics& diagnostics) {
  const Section image = top.map("template");
  if (!image.has("image")) return;
  for (const char* key : {"os", "locale", "keyboard", "timezone", "packages", "mirror", "disk"})
    if (image.has(key))
      diagnostics.error(image.at(key), fmt::format("'{}' beside an image of your own", key),
                        "leave it out: with template.image nothing is built");
}

void check_disks(const Draft& draft, Diagnostics& diagnostics) {
  if (!draft.lab.image.image_file.empty()) return;  // only who opens it knows its size
  std::map<Position, bool> said;
  for (const auto& placed : draft.machines) {
    if (placed.machine.disk >= draft.lab.image.disk || said[placed.disk_at]) continue;
    said[placed.disk_at] = true;
    diagnostics.error(
        placed.disk_at,
        fmt::format("a disk of {} is smaller than the template's {}", to_string(placed.machine.disk),
                    to_string(draft.lab.image.disk)),
        fmt::format("at least {}, or make template.disk smaller", to_string(draft.lab.image.disk)));
  }
}

}  // namespace

void check_machine_rules(const Section& top, const Draft& draft, Diagnostics& diagnostics) {
  if (draft.machines.size() > kMostMachines)
    diagnostics.error(top.at("machines"), fmt::format("{} machines", draft.machines.size()),
                      fmt::format("at most {} in one file", kMostMachines));
  check_names(draft, diagnostics);
  check_template_name(top, draft, diagnostics);
  check_tags(draft, diagnostics);
  check_overrides(draft, diagnostics);
  check_nodes(draft, diagnostics);
  check_own_image(top, diagnostics);
  check_disks(draft, diagnostics);
}

}  // namespace hlid::spec
