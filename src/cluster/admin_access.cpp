#include "base/error.h"
#include "base/text.h"
#include "cluster/kubeconfig.h"

namespace hlid::cluster {

AdminAccess find_admin_access(const Site& site) {
  const auto path = admin_kubeconfig_path(site.wanted().distribution);
  std::vector<std::string> reasons;
  for (const auto* server : site.servers()) {
    try {
      if (!site.fleet.runs(server->name)) {
        reasons.push_back(fmt::format("'{}' does not run", server->name));
        continue;
      }
      if (const auto text = site.fleet.guest(server->name)->read_file(path))
        return parse_admin_access(Secret(*text));
      reasons.push_back(fmt::format("'{}' has no {}", server->name, path));
    } catch (const Error& error) {
      if (error.code() == Errc::interrupted) throw;
      reasons.push_back(fmt::format("'{}': {}", server->name, error.what()));
    }
  }
  throw Error(Errc::precondition, "no server has given a kubeconfig: {}", join(reasons, "; "))
      .with_hint("hlid cluster status shows how far each server is; hlid up forms the cluster");
}

}  // namespace hlid::cluster
