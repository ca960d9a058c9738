#include "cluster/guard.h"

#include <mutex>
#include <regex>

#include <fmt/format.h>

#include "cluster/config.h"
#include "cluster/enrol.h"
#include "cluster/quorum.h"
#include "cluster/traits.h"
#include "sys/parallel.h"

namespace hlid::cluster {

std::string token_change_path(const Site& site) {
  return traits_of(site.wanted().distribution).under("server/hlid-next-token.json");
}

std::optional<TokenChange> begun_token_change(const Site& site, const model::ObservedCluster& observed) {
  static const std::regex form(R"re(\{"newToken":"([^"]+)"\})re");
  std::vector<std::string> servers;
  for (const auto& machine : observed.machines)
    if (machine.reachable && machine.unit == model::Role::server) servers.push_back(machine.machine);
  std::optional<TokenChange> begun;
  std::mutex mutex;
  sys::in_parallel(servers.size(), site.at_once, [&](std::size_t i) {
    const auto text = site.fleet.guest(servers[i])->read_file(token_change_path(site));
    std::smatch found;
    if (!text || !std::regex_match(*text, found, form)) return;
    const std::lock_guard lock(mutex);
    begun = TokenChange{servers[i], found[1].str()};
  });
  return begun;
}

void require_settled_token(const Site& site, const model::ObservedCluster& observed, const std::string& doing,
                           const std::string& machine) {
  const auto begun = begun_token_change(site, observed);
  if (!begun) return;
  require({{fmt::format("a change of the cluster's token, begun on '{}', was interrupted", begun->server)},
           "hlid cluster token rotate goes on with it"},
          doing, machine);
}

void require_restart(const Site& site, const model::ObservedCluster& observed, const model::Machine& machine,
                     const std::string& doing) {
  if (machine.role == model::Role::server)
    require(may(ServerChange::restart, machine.name, observed), doing, machine.name);
  require_settled_token(site, observed, doing, machine.name);
}

void refresh_token(const Site& site, const model::ObservedCluster& observed, Guest& guest,
                   const model::Machine& machine) {
  if (!observed.answers) return;
  // The machine itself may be asked: a server that answers has the cluster's token.
  const auto server = site.fleet.guest(observed.answered_by);
  const auto token = read_token(site, *server, machine.role);
  if (!token) return;
  const auto path = token_path(site.wanted().distribution);
  const auto wanted = render_token(*token).reveal();
  if (guest.read_file(path) != wanted) guest.write_file(path, wanted);
}

}  // namespace hlid::cluster
