#include <regex>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cluster/config.h"
#include "cluster/cordon.h"
#include "cluster/enrol.h"
#include "cluster/probe.h"
#include "cluster/quorum.h"
#include "cluster/reconfigure.h"
#include "cluster/rotate.h"
#include "cluster/traits.h"
#include "sys/parallel.h"

namespace hlid::cluster {
namespace {

using model::Role;

// $1 unit, $2 file with the token. "later": the file is newer than the process.
constexpr std::string_view kRead = R"sh(# hlid:token-read
started=$(systemctl show --timestamp=unix "$1" -p ActiveEnterTimestamp --value | tr -d '@')
written=$(stat -c %Y "$2")
if [ -n "$started" ] && [ "$started" -gt "$written" ]; then echo read; else echo later; fi
)sh";

std::string password_of(const std::string& token) {
  const auto at = token.rfind(':');
  return std::string(trim(at == std::string::npos ? token : token.substr(at + 1)));
}

std::string with_password(const std::string& token, const std::string& password) {
  return token.substr(0, token.rfind(':') + 1) + password;
}

/// One rotation. The new token is first stored on the server that shall make it the cluster's, so that a run
/// that is killed does not lose it.
class TokenRotation {
 public:
  explicit TokenRotation(const Site& site)
      : site_(site),
        traits_(traits_of(site.wanted().distribution)),
        staged_path_(traits_.under("server/hlid-next-token.json")) {}

  void run(const Secret& next) {
    auto observed = observe(site_);
    auto [server, staged] = find_staged(observed);
    if (server.empty()) server = other_server(observed, "");
    const auto guest = site_.fleet.guest(server);
    const auto current = read_token(site_, *guest, Role::server);
    if (!current || current->reveal().rfind(':') == std::string::npos)
      throw Error(Errc::protocol, "'{}' has no full token in {}", server, traits_.under("server/token"));
    const std::string wanted = !staged.empty() ? staged : next.empty() ? make_token() : next.reveal();
    if (password_of(current->reveal()) != wanted) change_it(observed, *guest, wanted);
    spread(observed, Secret(with_password(current->reveal(), wanted)));
    remove(*guest);
    // What was asked for this time is another one than that of the interrupted run.
    if (!next.empty() && next.reveal() != wanted) run(next);
  }

 private:
  std::string make_token() { return hex_encode(site_.random.bytes(32)); }

  std::pair<std::string, std::string> find_staged(const model::ObservedCluster& observed) {
    static const std::regex form(R"re(\{"newToken":"([^"]+)"\})re");
    for (const auto* server : site_.servers()) {
      const auto* seen = observed.machine(server->name);
      if (!seen || !seen->reachable) continue;
      const auto text = site_.fleet.guest(server->name)->read_file(staged_path_);
      std::smatch found;
      if (text && std::regex_match(*text, found, form)) return {server->name, found[1].str()};
    }
    return {};
  }

  void change_it(const model::ObservedCluster& observed, Guest& guest, const std::string& wanted) {
    require(
        {ill_servers(observed), "hlid status shows the first broken link of each; hlid up mends what it can"},
        "rotate the token of", site_.lab.name);
    guest.write_file(staged_path_, fmt::format(R"({{"newToken":"{}"}})", wanted));
    site_.phase("changing the cluster's token");
    try {
      ask_for_token(site_, guest, staged_path_);
    } catch (const Error& error) {
      // Refused: the next run shall not take this one for half done. Not so when the answer was lost.
      if (error.code() == Errc::failed) remove(guest);
      throw;
    }
  }

  void remove(Guest& guest) { guest.run("# hlid:token-done\nrm -f -- \"$1\"\n", {staged_path_}); }

  void spread(const model::ObservedCluster& observed, const Secret& token) {
    std::vector<std::string> members;
    for (const auto& machine : site_.lab.machines)
      if (observed.node(machine.name)) members.push_back(machine.name);
    for (const auto& batch : rolling_order(site_.lab, observed, members))
      sys::in_parallel(batch.size(), batch.size(), [&](std::size_t i) {
        const auto one = site_.about(batch[i]);
        with_context(fmt::format("give '{}' the new token", batch[i]), [&] { give(one, batch[i], token); });
        one.phase("done");
      });
  }

  void give(const Site& site, const std::string& name, const Secret& token) {
    const auto& machine = site.machine(name);
    const auto guest = site.fleet.guest(name);
    if (machine.role == Role::agent && has_own_token()) return;
    const auto path = token_path(site_.wanted().distribution);
    const auto wanted = render_token(token).reveal();
    const bool written = guest->read_file(path) == wanted;
    Awaited awaited;
    if (written && has_read_it(*guest, machine, path)) {
      awaited.since = start_unit(site, *guest, machine);
      return await_ready(site, name, awaited);
    }
    if (machine.role == Role::server)
      require(may(ServerChange::restart, name, observe(site)), "restart", name);
    if (!written) guest->write_file(path, wanted);
    site.phase("restarting");
    awaited.since = restart_unit(site, *guest, machine);
    await_ready(site, name, awaited);
  }

  bool has_read_it(Guest& guest, const model::Machine& machine, const std::string& path) {
    const std::string unit(traits_.unit(machine.role == Role::server));
    return trim(guest.run(kRead, {unit, path}).output) == "read";
  }

  /// Agents with a token of their own do not see the servers' change.
  bool has_own_token() const { return site_.wanted().options.count("agent-token") > 0; }

  const Site& site_;
  const Traits& traits_;
  std::string staged_path_;
};

}  // namespace

void rotate_token(const Site& site, const Secret& next) {
  static const std::regex allowed("[A-Za-z0-9._-]{16,128}");
  if (!next.empty() && !std::regex_match(next.reveal(), allowed))
    throw Error(Errc::usage, "the token is not fit: letters, digits, '.', '_' and '-', 16 to 128 of them");
  TokenRotation(site).run(next);
}

}  // namespace hlid::cluster
