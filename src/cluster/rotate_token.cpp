#include <regex>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cluster/config.h"
#include "cluster/cordon.h"
#include "cluster/enrol.h"
#include "cluster/guard.h"
#include "cluster/quorum.h"
#include "cluster/reconfigure.h"
#include "cluster/rotate.h"
#include "cluster/strangers.h"
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
      : site_(site), traits_(traits_of(site.wanted().distribution)), staged_path_(token_change_path(site)) {}

  void run(const Secret& next) {
    auto observed = observe_with_strangers(site_);
    const auto begun = begun_token_change(site_, observed);
    const auto server = begun ? begun->server : other_server(observed, "");
    const auto guest = site_.fleet.guest(server);
    const auto current = read_token(site_, *guest, Role::server);
    if (!current || current->reveal().rfind(':') == std::string::npos)
      throw Error(Errc::protocol, "'{}' has no full token in {}", server, traits_.under("server/token"));
    const std::string wanted = begun ? begun->token : next.empty() ? make_token() : next.reveal();
    if (password_of(current->reveal()) != wanted) change_it(observed, *guest, wanted);
    spread(observed, Secret(with_password(current->reveal(), wanted)));
    remove(*guest);
    // What was asked for this time is another one than that of the interrupted run.
    if (!next.empty() && next.reveal() != wanted) run(next);
  }

 private:
  std::string make_token() { return hex_encode(site_.random.bytes(32)); }

  void change_it(const model::ObservedCluster& observed, Guest& guest, const std::string& wanted) {
    require(
        {ill_servers(observed), "hlid status shows the first broken link of each; hlid up mends what it can"},
        "rotate the token of", site_.lab.name);
    for (const auto* server : site_.servers())
      require(may(ServerChange::restart, server->name, observed), "restart", server->name);
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

  /// Into every machine's configuration at once, so that whatever restarts one from now on does it with the
  /// new token; then the restarts, one by one.
  void spread(const model::ObservedCluster& observed, const Secret& token) {
    std::vector<std::string> members;
    for (const auto& machine : site_.lab.machines)
      if (observed.node(machine.name) && !(machine.role == Role::agent && has_own_token()))
        members.push_back(machine.name);
    const auto wanted = render_token(token).reveal();
    sys::in_parallel(members.size(), site_.at_once, [&](std::size_t i) {
      const auto guest = site_.fleet.guest(members[i]);
      if (guest->read_file(token_file()) != wanted) guest->write_file(token_file(), wanted);
    });
    for (const auto& batch : rolling_order(site_.lab, observed, members))
      sys::in_parallel(batch.size(), batch.size(), [&](std::size_t i) {
        const auto one = site_.about(batch[i]);
        with_context(fmt::format("give '{}' the new token", batch[i]), [&] { restart(one, batch[i]); });
        one.phase("done");
      });
  }

  void restart(const Site& site, const std::string& name) {
    const auto& machine = site.machine(name);
    const auto guest = site.fleet.guest(name);
    Awaited awaited;
    if (has_read_it(*guest, machine)) {
      awaited.since = start_unit(site, *guest, machine);
    } else {
      if (machine.role == Role::server)
        require(may(ServerChange::restart, name, observe_with_strangers(site)), "restart", name);
      site.phase("restarting");
      awaited.since = restart_unit(site, *guest, machine);
    }
    await_ready(site, name, awaited);
  }

  std::string token_file() const { return token_path(site_.wanted().distribution); }

  bool has_read_it(Guest& guest, const model::Machine& machine) {
    const std::string unit(traits_.unit(machine.role == Role::server));
    return trim(guest.run(kRead, {unit, token_file()}).output) == "read";
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
