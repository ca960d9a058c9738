#include <algorithm>
#include <mutex>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cluster/guard.h"
#include "cluster/quorum.h"
#include "cluster/readiness.h"
#include "cluster/reconfigure.h"
#include "cluster/rotate.h"
#include "cluster/strangers.h"
#include "cluster/teardown.h"
#include "cluster/traits.h"
#include "net/certificate.h"
#include "sys/parallel.h"

namespace hlid::cluster {
namespace {

// $1 data folder. The first certificate of each file that is none of an authority, in base64.
constexpr std::string_view kCertificates = R"sh(# hlid:certificates
cd "$1" || exit 0
for file in server/tls/*.crt server/tls/etcd/*.crt agent/*.crt; do
  case $file in *-ca.crt | *nochain.crt) continue ;; esac
  if [ -s "$file" ]; then printf '%s %s\n' "$file" "$(sed '/-END CERTIFICATE-/q' "$file" | base64 -w0)"; fi
done
)sh";

// $1 program.
constexpr std::string_view kRotate = R"sh(# hlid:certificates-rotate
"$1" certificate rotate 2>&1
)sh";

CertificateState read_certificate(const std::string& machine, const std::string& line) {
  const auto blank = line.find(' ');
  CertificateState state;
  state.machine = machine;
  state.name = replace_all(line.substr(0, blank), ".crt", "");
  for (const char* prefix : {"server/tls/", "agent/"})
    if (state.name.starts_with(prefix)) state.name = state.name.substr(std::string_view(prefix).size());
  state.days = net::days_left(base64_decode(line.substr(blank + 1)));
  return state;
}

std::vector<CertificateState> certificates_of(const Site& site, const std::string& machine) {
  std::vector<CertificateState> found;
  const auto& traits = traits_of(site.wanted().distribution);
  const auto ran = site.fleet.guest(machine)->run(kCertificates, {std::string(traits.data)});
  for (const auto& line : split(ran.output, '\n')) {
    if (line.find(' ') == std::string::npos) continue;
    found.push_back(read_certificate(machine, line));
  }
  return found;
}

void stop_and_rotate(const Site& site, Guest& guest) {
  const auto& traits = traits_of(site.wanted().distribution);
  stop_units(site, guest, false);
  site.phase("making new certificates");
  const auto ran = guest.run(kRotate, {std::string(traits.program)}, std::chrono::minutes(3));
  if (!ran.ok()) {
    const auto lines = split(trim(ran.output), '\n');
    throw Error(Errc::failed, "'{}' did not make new certificates: {}", guest.name(), lines.back())
        .with_hint("it is stopped; hlid up starts it with the old ones");
  }
}

void rotate_member(const Site& site, const std::string& name) {
  const auto& machine = site.machine(name);
  const auto observed = observe_with_strangers(site);
  require_restart(site, observed, machine, "restart");
  const auto guest = site.fleet.guest(name);
  refresh_token(site, observed, *guest, machine);
  stop_and_rotate(site, *guest);
  Awaited awaited;
  awaited.since = start_unit(site, *guest, machine);
  await_ready(site, name, awaited);
}

/// Nothing answers because it cannot: the certificates of the servers have ended, or a run that began to
/// renew them was interrupted.
bool slept_past_the_end(const Site& site) {
  const auto servers = site.servers();
  return std::any_of(servers.begin(), servers.end(), [&](const auto* server) {
    if (!site.fleet.runs(server->name)) return false;
    const auto found = certificates_of(site, server->name);
    return std::none_of(found.begin(), found.end(),
                        [](const auto& one) { return one.name == "client-admin"; }) ||
           std::any_of(found.begin(), found.end(), [](const auto& one) { return one.days <= 0; });
  });
}

/// No quorum is at stake: there is none.
void rotate_all_servers(const Site& site) {
  const auto servers = site.servers();
  const auto on_each = [&](const std::function<void(const model::Machine&)>& work) {
    sys::in_parallel(servers.size(), site.at_once, [&](std::size_t i) { work(*servers[i]); });
  };
  on_each([&](const model::Machine& machine) {
    const auto guest = site.fleet.guest(machine.name);
    stop_and_rotate(site.about(machine.name), *guest);
    start_unit(site, *guest, machine);
  });
  on_each([&](const model::Machine& machine) { await_ready(site.about(machine.name), machine.name); });
}

void rotate_batches(const Site& site, const model::ObservedCluster& observed, bool servers) {
  std::vector<std::string> names;
  for (const auto* machine : servers ? site.servers() : site.agents())
    if (observed.node(machine->name)) names.push_back(machine->name);
  for (const auto& batch : rolling_order(site.lab, observed, names))
    sys::in_parallel(batch.size(), batch.size(), [&](std::size_t i) {
      const auto one = site.about(batch[i]);
      with_context(fmt::format("renew the certificates of '{}'", batch[i]),
                   [&] { rotate_member(one, batch[i]); });
      one.phase("done");
    });
}

}  // namespace

std::vector<CertificateState> check_certificates(const Site& site) {
  std::vector<std::string> names;
  for (const auto& machine : site.lab.machines)
    if (machine.role != model::Role::plain && site.fleet.runs(machine.name)) names.push_back(machine.name);
  std::vector<CertificateState> all;
  std::mutex mutex;
  sys::in_parallel(names.size(), site.at_once, [&](std::size_t i) {
    const auto found = certificates_of(site, names[i]);
    const std::lock_guard lock(mutex);
    all.insert(all.end(), found.begin(), found.end());
  });
  std::sort(all.begin(), all.end(), [](const auto& one, const auto& other) {
    return std::tie(one.days, one.machine, one.name) < std::tie(other.days, other.machine, other.name);
  });
  return all;
}

void rotate_certificates(const Site& site) {
  auto observed = observe_with_strangers(site);
  if (!observed.answers) {
    if (!slept_past_the_end(site))
      require({{"no server of the cluster answers, and its certificates have not ended"},
               "hlid status shows the first broken link of each server"},
              "renew the certificates of", site.lab.name);
    rotate_all_servers(site);
    observed = observe_with_strangers(site);
  } else {
    rotate_batches(site, observed, true);
  }
  rotate_batches(site, observed, false);
}

}  // namespace hlid::cluster
