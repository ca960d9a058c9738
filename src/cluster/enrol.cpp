#include "cluster/enrol.h"

#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "cluster/hardening.h"
#include "cluster/kube_vip.h"
#include "cluster/preflight.h"
#include "cluster/shell.h"

namespace hlid::cluster {
namespace {

using model::Role;

// `systemctl stop` leaves etcd and the pods running; the distribution's own script ends them.
constexpr std::string_view kSetAside = R"sh(
unit=$1 killall=$2 path=$3 aside=$4
systemctl stop "$unit" || exit 1
[ ! -x "$killall" ] || "$killall" >/dev/null 2>&1
[ -e "$path" ] || exit 0
mv "$path" "$aside" && sync "${path%/*}"
)sh";

bool runs(const MachineFacts& facts) {
  const auto& state = facts.seen.unit_state;
  return facts.seen.active || state.starts_with("activating") || state.starts_with("reloading");
}

/// One machine runs one of the two units; the other one's start would be refused without a word.
void require_role(const Site& site, const model::Machine& machine, const MachineFacts& facts) {
  const auto& seen = facts.seen;
  if (seen.unit == Role::plain || seen.unit == machine.role) return;
  const auto& traits = traits_of(site.wanted().distribution);
  throw Error(Errc::precondition, "'{}' is {} in the file, but {} is set up on it", machine.name,
              machine.role == Role::server ? "a server" : "an agent", traits.unit(seen.unit == Role::server))
      .with_hint(fmt::format("hlid replace {} makes it anew in its new role", machine.name));
}

void require_release(const model::Machine& machine, const MachineFacts& facts) {
  if (!facts.seen.installed.empty()) return;
  throw Error(Errc::precondition, "no release is installed on '{}'", machine.name)
      .with_hint("hlid up installs it");
}

/// Only before its very first start: later its own ports are in use and its own folders are there.
void require_fit(const Site& site, Guest& guest, const model::Machine& machine, const MachineFacts& facts) {
  const auto& seen = facts.seen;
  if (runs(facts) || seen.has_datastore || !seen.ca_hash.empty() || facts.has_password) return;
  site.phase("checking the machine");
  auto problems =
      check_host(look_at_host(guest, site.clock, site.wanted().distribution), machine, site.wanted());
  std::erase_if(problems, [](const Problem& problem) { return !problem.fatal; });
  if (problems.empty()) return;
  if (problems.size() > 1)
    throw Error(Errc::precondition, "'{}' cannot be part of a cluster yet:\n{}", machine.name,
                trim(render(problems)));
  const auto& problem = problems.front();
  throw Error(Errc::precondition, "'{}' cannot be part of a cluster yet: {}{}", machine.name, problem.what,
              problem.evidence.empty() ? "" : " (" + problem.evidence + ")")
      .with_hint(problem.fix);
}

bool place_token(const Site& site, Guest& guest, const Secret& token) {
  if (token.empty()) return false;
  const auto path = token_path(site.wanted().distribution);
  const Secret wanted = render_token(token);
  if (guest.read_file(path) == wanted.reveal()) return false;
  guest.write_file(path, wanted.reveal(), "0600");
  return true;
}

/// The VIP's manifest, when there is a VIP; without an image in hand the one in place has to do.
std::vector<MachineFile> vip_files(const Site& site, Guest& guest, const model::Machine& machine,
                                   const Materials& materials) {
  if (!site.wanted().vip || machine.role != Role::server) return {};
  if (!materials.kube_vip_image.empty())
    return {
        kube_vip_file(site.lab, find_interface(guest, machine.address.address), materials.kube_vip_image)};
  if (guest.read_file(kube_vip_path(site.wanted().distribution))) return {};
  throw Error(Errc::precondition, "the release has no image of kube-vip, which holds the VIP {}",
              to_string(*site.wanted().vip))
      .with_hint("put an archive with it into cluster.artifacts, or leave out cluster.vip");
}

}  // namespace

bool enrol(const Site& site, Guest& guest, const model::Machine& machine, const MachineFacts& facts,
           const Enrolment& enrolment) {
  require_release(machine, facts);
  require_role(site, machine, facts);
  require_fit(site, guest, machine, facts);
  site.phase("preparing");
  prepare_host(guest, site.wanted(), machine.role);
  auto files = vip_files(site, guest, machine, enrolment.materials);
  for (auto& file : config_files(site.lab, machine, enrolment.stage, enrolment.server_url))
    files.push_back(std::move(file));
  const bool token_changed = place_token(site, guest, enrolment.token);
  return !place_files(guest, files).empty() || token_changed;
}

void start_and_await(const Site& site, Guest& guest, const model::Machine& machine, const MachineFacts& facts,
                     bool changed) {
  const bool running = runs(facts);
  Awaited awaited;
  awaited.since = running && changed ? restart_unit(site, guest, machine) : start_unit(site, guest, machine);
  if (!running || changed) awaited.version = facts.seen.installed;
  await_ready(site, machine.name, awaited);
}

std::optional<Secret> read_token(const Site& site, Guest& server, Role whose) {
  const auto& traits = traits_of(site.wanted().distribution);
  std::optional<std::string> text;
  if (whose == Role::agent) text = server.read_file(traits.under("server/agent-token"));
  if (!text || trim(*text).empty()) text = server.read_file(traits.under("server/token"));
  if (!text || trim(*text).empty()) return std::nullopt;
  return Secret(std::string(trim(*text)));
}

void set_aside(const Site& site, Guest& guest, const model::Machine& machine, const std::string& path,
               const std::string& why) {
  static const std::string text = script("set-aside", {kSetAside});
  const auto& traits = traits_of(site.wanted().distribution);
  const auto from = traits.under(path);
  const auto to = fmt::format("{}-{}-{}", from, why, site.clock.unix_seconds());
  const std::string unit(traits.unit(machine.role == Role::server));
  const auto ran = guest.run(
      text, {unit, std::string(traits.killall), from, to},
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::seconds(180) * site.patience));
  if (!ran.ok())
    throw Error(Errc::failed, "cannot set '{}' aside on '{}': {}", from, machine.name,
                trim(ran.error_output));
}

void revive(const Site& site, const std::vector<MachineFacts>& servers, const std::string& except) {
  for (const auto& facts : servers) {
    if (facts.seen.machine == except || !facts.seen.reachable || !facts.seen.has_datastore || runs(facts))
      continue;
    const auto& machine = site.machine(facts.seen.machine);
    start_unit(site, *site.fleet.guest(machine.name), machine);
  }
}

}  // namespace hlid::cluster
