#include "spec/spec.h"

#include "spec/build.h"
#include "spec/check.h"
#include "spec/keys.h"
#include "spec/rules.h"
#include "spec/yaml.h"

namespace hlid::spec {

Result read(std::string_view text, const std::string& file, const World& world) {
  Result result;
  const auto root = parse_yaml(text, file, result.diagnostics);
  if (root == nullptr) return result;
  const Checked checked = check_structure(root, result.diagnostics);
  if (root->kind != Node::Kind::map) return result;
  const Section top(checked, root.get(), "", root->at);
  Draft draft = build(top);
  check_rules(top, draft, result.diagnostics);
  result.homelab = std::move(draft.lab);
  for (auto& placed : draft.machines) result.homelab.machines.push_back(std::move(placed.machine));
  resolve_keys(top.map("access"), world, result);
  resolve_console_password(top.map("access"), world, result);
  warn_of_ports(top, world, result);
  resolve_paths(world, result.homelab);
  return result;
}

}  // namespace hlid::spec
