#include "cluster/site.h"

namespace hlid::cluster {
namespace {

std::vector<const model::Machine*> of_role(const model::Homelab& lab, model::Role role) {
  std::vector<const model::Machine*> found;
  for (const auto& machine : lab.machines)
    if (machine.role == role) found.push_back(&machine);
  return found;
}

}  // namespace

const model::Machine& Site::machine(const std::string& name) const {
  for (const auto& one : lab.machines)
    if (one.name == name) return one;
  throw Error(Errc::not_found, "the file has no machine '{}'", name);
}

std::vector<const model::Machine*> Site::servers() const {
  return of_role(lab, model::Role::server);
}

std::vector<const model::Machine*> Site::agents() const {
  return of_role(lab, model::Role::agent);
}

Site Site::about(const std::string& machine) const {
  Site one = *this;
  one.phase = [tell = phase, machine](const std::string& text) { tell(machine + ": " + text); };
  return one;
}

}  // namespace hlid::cluster
