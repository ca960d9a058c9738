#include "drive/ownership.h"

#include "base/text.h"
#include "drive/machine_config.h"
#include "model/observed.h"

namespace hlid::drive {
namespace {

std::string value_of(const pve::VmConfig& config, const std::string& key) {
  const auto found = config.find(key);
  return found == config.end() ? std::string() : found->second;
}

Claim judge(const pve::VmConfig& config, const std::string& lab, const std::string& name) {
  model::ObservedMachine machine;
  read_config(config, machine);
  if (machine.name == name && model::is_owned(machine, lab)) return Claim::ours;
  if (machine.mark == model::machine_mark(lab, name)) return Claim::half_made;
  return Claim::foreign;
}

}  // namespace

std::string Found::lock() const {
  return value_of(config, "lock");
}
bool Found::is_template() const {
  return value_of(config, "template") == "1";
}

Found look_at(const pve::Session& session, const std::string& lab, const std::string& name,
              const pve::VmRef& vm) {
  auto config = pve::find_config(session, vm);
  if (!config) return {};
  const auto claim = judge(*config, lab, name);
  return {claim, std::move(*config)};
}

Error foreign_machine(const Found& found, const std::string& lab, const std::string& name,
                      const pve::VmRef& vm) {
  Error error(Errc::conflict,
              "VM {} on {} is not '{}' of homelab '{}': its name is '{}', its tags '{}', its UUID '{}'",
              to_string(vm.vmid), vm.node, name, lab, value_of(found.config, "name"),
              value_of(found.config, "tags"), uuid_of(found.config));
  error.with_hint("nothing was changed; choose another vmid in the file, or remove that machine yourself");
  return error;
}

pve::VmConfig require_ours(const pve::Session& session, const std::string& lab, const std::string& name,
                           const pve::VmRef& vm) {
  auto found = look_at(session, lab, name, vm);
  if (found.claim == Claim::absent)
    throw Error(Errc::not_found, "VM {} ('{}') does not exist on {}", to_string(vm.vmid), name, vm.node);
  if (found.claim == Claim::foreign) throw foreign_machine(found, lab, name, vm);
  return std::move(found.config);
}

}  // namespace hlid::drive
