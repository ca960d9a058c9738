#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cluster/cordon.h"
#include "cluster/guard.h"
#include "cluster/quorum.h"
#include "cluster/readiness.h"
#include "cluster/rolling.h"
#include "cluster/rotate.h"
#include "cluster/snapshot.h"
#include "cluster/strangers.h"
#include "cluster/traits.h"

namespace hlid::cluster {
namespace {

using std::chrono::seconds;

const char* const kSeeStatus = "hlid status shows the first broken link of each; hlid up mends what it can";

// $1 program, $2 what secrets-encrypt shall do. Variables that would lead it to another server are taken
// away.
constexpr std::string_view kEncryption = R"sh(# hlid:encryption
unset RKE2_URL K3S_URL RKE2_TOKEN K3S_TOKEN
"$1" secrets-encrypt "$2" 2>&1
)sh";

// $1 data folder: when the configuration of the keys was last written, Unix seconds.
constexpr std::string_view kWritten = R"sh(# hlid:encryption-written
stat -c %Y "$1/server/cred/encryption-config.json" 2>/dev/null || echo 0
)sh";

Ran ask(const Site& site, Guest& server, const std::string& verb) {
  const auto& traits = traits_of(site.wanted().distribution);
  auto ran = server.run(kEncryption, {std::string(traits.program), verb}, std::chrono::minutes(5));
  if (ran.ok()) return ran;
  throw Error(Errc::failed, "'{}': secrets-encrypt {} failed: {}", server.name(), verb,
              split(trim(ran.output), '\n').back());
}

std::string after(const std::string& line, std::string_view key) {
  return line.starts_with(key) ? std::string(trim(line.substr(key.size()))) : "";
}

EncryptionState state_on(const Site& site, Guest& server) {
  return parse_encryption_state(ask(site, server, "status").output);
}

bool is_under_way(const EncryptionState& state) {
  return !state.hashes_match || state.stage == "reencrypt_request" || state.stage == "reencrypt_active";
}

/// Polls until `good`; throws Error(timeout) with what it waited for.
void wait_until(const Site& site, Guest& server, seconds limit, const std::string& what,
                const std::function<bool(const EncryptionState&)>& good) {
  const auto deadline =
      site.clock.now() + std::chrono::duration_cast<std::chrono::milliseconds>(limit * site.patience);
  for (;;) {
    const auto state = state_on(site, server);
    if (good(state)) return;
    if (site.clock.now() >= deadline)
      throw Error(Errc::timeout, "'{}' waited in vain for {}: the stage is {}", server.name(), what,
                  state.stage)
          .with_hint("the same command goes on from here");
    if (!site.clock.sleep(seconds(2), site.stop)) throw Error(Errc::interrupted, "stopped");
  }
}

/// The one that has rotated has the newest configuration; it is restarted before the others take it over.
std::vector<std::string> newest_first(const Site& site, const model::ObservedCluster& observed) {
  std::vector<std::pair<long, std::string>> written;
  const auto& traits = traits_of(site.wanted().distribution);
  for (const auto* server : site.servers()) {
    if (!observed.member_of(server->name)) continue;
    const auto said = site.fleet.guest(server->name)->run(kWritten, {std::string(traits.data)}).output;
    written.emplace_back(-std::strtol(said.c_str(), nullptr, 10), server->name);
  }
  std::stable_sort(written.begin(), written.end(),
                   [](const auto& one, const auto& other) { return one.first < other.first; });
  std::vector<std::string> names;
  for (const auto& [time, name] : written) names.push_back(name);
  return names;
}

/// One that an interrupted run has left half-way comes before all.
std::vector<std::string> restart_order(const Site& site, const model::ObservedCluster& observed) {
  auto names = newest_first(site, observed);
  std::stable_sort(names.begin(), names.end(), [&](const auto& one, const auto& other) {
    return !is_ready(observed, one) && is_ready(observed, other);
  });
  return names;
}

void restart_server(const Site& site, const std::string& name) {
  require_restart(site, observe_with_strangers(site), site.machine(name), "restart");
  const auto guest = site.fleet.guest(name);
  site.phase("restarting");
  Awaited awaited;
  awaited.since = restart_unit(site, *guest, site.machine(name));
  await_ready(site, name, awaited);
}

/// An interrupted run may have left it in the middle of its restart.
void await_up(const Site& site, const std::string& name) {
  const auto guest = site.fleet.guest(name);
  Awaited awaited;
  awaited.since = start_unit(site, *guest, site.machine(name));
  await_ready(site, name, awaited);
}

std::string leader_or_any(const model::ObservedCluster& observed) {
  for (const auto& member : observed.members)
    if (const auto* seen = observed.machine(member.node); member.leader && seen && seen->supervisor)
      return member.node;
  return other_server(observed, "");
}

}  // namespace

EncryptionState parse_encryption_state(const std::string& text) {
  EncryptionState state;
  for (const auto& line : split(text, '\n')) {
    if (const auto value = after(line, "Encryption Status:"); !value.empty())
      state.enabled = value == "Enabled";
    if (const auto value = after(line, "Current Rotation Stage:"); !value.empty()) state.stage = value;
    if (const auto value = after(line, "Server Encryption Hashes:"); !value.empty())
      state.hashes_match = value == "All hashes match";
    const auto words = split_list(line, " \t");
    if (words.size() >= 3 && words.front() == "*") state.active_key = words.back();
  }
  return state;
}

EncryptionState encryption_state(const Site& site) {
  return state_on(site, *site.fleet.guest(leader_or_any(observe_with_strangers(site))));
}

void rotate_encryption_key(const Site& site, const std::filesystem::path& bundles) {
  const auto observed = observe_with_strangers(site);
  auto guest = site.fleet.guest(leader_or_any(observed));
  auto state = state_on(site, *guest);
  if (!state.hashes_match) {
    // An interrupted run: the stage is told by the one that it had rotated on.
    const auto newest = newest_first(site, observed).front();
    guest = site.fleet.guest(newest);
    await_up(site, newest);
    state = state_on(site, *guest);
  }
  if (!state.enabled)
    throw Error(Errc::precondition, "the secrets of the cluster are not encrypted")
        .with_hint("add secrets-encryption: true to cluster.options and run hlid up");
  if (!is_under_way(state)) {
    for (const auto& name : restart_order(site, observed))
      if (!is_ready(observed, name)) await_up(site, name);
    require({ill_servers(observe_with_strangers(site)), kSeeStatus}, "rotate the encryption key of",
            site.lab.name);
    SnapshotOptions options;
    options.label = "encryption";
    take_snapshot(site, bundles, options);
    site.phase("new key, all secrets are written anew");
    ask(site, *guest, "rotate-keys");
  }
  wait_until(site, *guest, seconds(600), "all secrets to be written with the new key",
             [](const auto& now) { return now.stage == "reencrypt_finished"; });
  for (const auto& name : restart_order(site, observe_with_strangers(site)))
    restart_server(site.about(name), name);
  wait_until(site, *guest, seconds(120), "all servers to have the same keys",
             [](const auto& now) { return now.hashes_match; });
}

}  // namespace hlid::cluster
