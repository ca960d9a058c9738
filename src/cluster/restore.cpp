#include "cluster/restore.h"

#include <algorithm>
#include <regex>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cluster/config.h"
#include "cluster/cordon.h"
#include "cluster/erase.h"
#include "cluster/form.h"
#include "cluster/kube_vip.h"
#include "cluster/readiness.h"
#include "cluster/reset.h"
#include "cluster/strangers.h"
#include "cluster/teardown.h"
#include "cluster/traits.h"
#include "cluster/ustar.h"
#include "sys/files.h"
#include "sys/hash.h"
#include "sys/parallel.h"

namespace hlid::cluster {
namespace {

namespace fs = std::filesystem;

// $1 folder of the disc, $2 our folder, $3 name of the snapshot, $4 SHA-256 of the compressed one.
constexpr std::string_view kUnpack = R"sh(# hlid:restore-unpack
umask 077
[ "$(sha256sum <"$1/snapshot.gz" | cut -d' ' -f1)" = "$4" ] || { echo 'it is not what was sent' >&2; exit 1; }
mkdir -p "$2" && gzip -dc "$1/snapshot.gz" >"$2/$3.part" && mv "$2/$3.part" "$2/$3"
)sh";

/// Names a reset: the same bundle, the same reset.
std::string id_of(const std::optional<Bundle>& bundle) {
  return bundle ? sys::sha256_file(bundle->file).substr(0, 12) : "own";
}

/// The server on which an interrupted run has begun this reset; empty: none.
std::string begun_before(const Site& site, const model::ObservedCluster& observed, const std::string& id) {
  for (const auto* server : site.servers()) {
    const auto* seen = observed.machine(server->name);
    if (seen && seen->reachable && reset_was_begun(*site.fleet.guest(server->name), id)) return server->name;
  }
  return "";
}

/// One restore, from its parts.
class Restore {
 public:
  Restore(const Site& site, std::optional<Bundle> bundle, RestorePlan plan, Materials materials)
      : site_(site),
        materials_(std::move(materials)),
        bundle_(std::move(bundle)),
        plan_(std::move(plan)),
        id_(id_of(bundle_)),
        target_(site.fleet.guest(plan_.target)) {}

  void run() {
    if (is_reset(site_, *target_, id_)) {
      site_.phase(fmt::format("'{}' was reset just now: going on from there", plan_.target));
    } else {
      quiesce();
      reset_or_put_back();
    }
    start_target();
    for (const auto& server : plan_.rejoin) rejoin(server);
    sys::in_parallel(plan_.agents.size(), site_.at_once,
                     [this](std::size_t i) { bring_back(plan_.agents[i]); });
    erase_the_lost();
    clean_up();
  }

 private:
  std::vector<std::string> all_servers() const {
    auto servers = plan_.rejoin;
    servers.insert(servers.begin(), plan_.target);
    return servers;
  }

  template <typename Work>
  void on_each_server(Work work) {
    const auto servers = all_servers();
    sys::in_parallel(servers.size(), site_.at_once, [&](std::size_t i) {
      const auto guest = site_.fleet.guest(servers[i]);
      with_context(fmt::format("restore on '{}'", servers[i]), [&] { work(*guest, servers[i]); });
    });
  }

  /// No etcd runs any more, and no other server could come back with the old data, not even after a power
  /// cut: without a datastore it can only join. The target keeps its own, of which there is a copy.
  void quiesce() {
    const bool again = reset_was_begun(*target_, id_);
    on_each_server([&](Guest& guest, const std::string& name) {
      const auto one = site_.about(name);
      kill_all(one, guest, false);
      const bool is_target = name == plan_.target;
      // A run that goes on after an interrupted reset has only a half-made datastore to copy.
      if (!is_target || !again) set_data_aside(one, guest, is_target);
    });
  }

  std::optional<Secret> token() const {
    if (!bundle_) return std::nullopt;
    for (const auto& part : read_archive(bundle_->file))
      if (part.name == "token") return Secret(std::string(trim(read_part(bundle_->file, part, 64 << 10))));
    throw Error(Errc::failed, "'{}' has no token", bundle_->file.string());
  }

  /// Onto the target's disk; the path there. Only etcd's file travels by disc; the token never does.
  std::string unpack_snapshot() {
    static const std::regex plain("[A-Za-z0-9._-]+");
    if (!std::regex_match(bundle_->snapshot_name, plain))
      throw Error(Errc::protocol, "'{}' names its snapshot '{}'", bundle_->file.string(),
                  bundle_->snapshot_name);
    const auto parts = read_archive(bundle_->file);
    const auto part =
        std::find_if(parts.begin(), parts.end(), [](const auto& one) { return one.name == "snapshot.gz"; });
    const sys::TempFolder folder;
    extract_part(bundle_->file, *part, folder.path() / "snapshot.gz");
    const auto disc =
        target_->insert_disc("HLIDRESTORE", {{"snapshot.gz", folder.path() / "snapshot.gz"}}, site_.phase);
    const auto& traits = traits_of(site_.wanted().distribution);
    const auto ours = traits.under("server/hlid-restore");
    const auto ran =
        target_->run(kUnpack, {disc, ours, bundle_->snapshot_name, bundle_->sums.at("snapshot.gz")},
                     std::chrono::minutes(10));
    target_->release_disc();
    if (!ran.ok())
      throw Error(Errc::failed, "cannot place the snapshot on '{}': {}", plan_.target,
                  trim(ran.error_output));
    return ours + "/" + bundle_->snapshot_name;
  }

  void reset_or_put_back() {
    try {
      place_files(*target_, config_files(site_.lab, site_.machine(plan_.target), Stage::settled));
      ResetSource source{id_, bundle_ ? unpack_snapshot() : "", token()};
      reset(site_, *target_, source);
    } catch (const Error& error) {
      if (error.code() == Errc::interrupted) throw;
      put_back();
      throw;
    }
  }

  /// The cluster as it was, if it was one; nothing is waited for.
  void put_back() {
    site_.phase("putting the old data back");
    on_each_server([&](Guest& guest, const std::string& name) {
      if (name == plan_.target) kill_all(site_, guest, false);
      put_data_back(site_, guest);
      start_unit(site_, guest, site_.machine(name));
    });
    clear_reset(site_, *target_, id_);
  }

  void start_target() {
    const auto& machine = site_.machine(plan_.target);
    if (const auto secret = token())
      target_->write_file(token_path(site_.wanted().distribution), render_token(*secret).reveal());
    site_.phase("starting " + plan_.target);
    Awaited awaited;
    awaited.since = start_unit(site_, *target_, machine);
    await_ready(site_.about(plan_.target), plan_.target, awaited);
  }

  void rejoin(const std::string& server) {
    const auto observed = observe_with_strangers(site_);
    other_server(observed, server);  // who is a member, and who has old data, only the cluster can tell
    const auto* member = observed.member_of(server);
    const auto* seen = observed.machine(server);
    if (member && member->voting == model::Voting::voter && seen && seen->supervisor) return;
    const auto one = site_.about(server);
    one.phase("joining anew");
    with_context(fmt::format("join '{}' anew", server), [&] {
      const auto guest = site_.fleet.guest(server);
      // What it has now, if it is no member, is of before the reset.
      if (!member) {
        kill_all(one, *guest, false);
        set_data_aside(one, *guest, false);
      }
      copy_manifest(*guest);
      join(one, server, materials_);
    });
    one.phase("done");
  }

  /// A server that was made anew has no manifest for the VIP; all have the same.
  void copy_manifest(Guest& guest) {
    const auto path = kube_vip_path(site_.wanted().distribution);
    if (!site_.wanted().vip || guest.read_file(path)) return;
    if (const auto manifest = target_->read_file(path)) place_files(guest, {{path, *manifest, "0600"}});
  }

  /// Agents usually find the servers again by themselves. One that does not is joined like a new one.
  void bring_back(const std::string& agent) {
    const auto guest = site_.fleet.guest(agent);
    const auto path = token_path(site_.wanted().distribution);
    if (const auto secret = token()) {
      const auto wanted = render_token(*secret);
      if (guest->read_file(path) != wanted.reveal()) guest->write_file(path, wanted.reveal());
    }
    Awaited awaited;
    awaited.deadline = std::chrono::seconds(90);
    const auto one = site_.about(agent);
    try {
      await_ready(one, agent, awaited);
    } catch (const Error& error) {
      if (error.code() == Errc::interrupted) throw;
      one.phase("joining anew");
      stop_units(one, *guest, false);
      join(one, agent);
    }
    one.phase("done");
  }

  /// Nodes that the past had and that are no machines any more.
  void erase_the_lost() {
    for (const auto& node : observe_with_strangers(site_).nodes) {
      const auto& machines = site_.lab.machines;
      const bool ours = std::any_of(machines.begin(), machines.end(),
                                    [&](const auto& machine) { return machine.name == node.name; });
      if (ours || node.ready || site_.fleet.runs(node.name)) continue;
      site_.phase("forgetting " + node.name);
      erase_node(site_, *target_, node.name);
    }
  }

  void clean_up() {
    on_each_server([&](Guest& guest, const std::string&) { drop_data_aside(site_, guest); });
    clear_reset(site_, *target_, id_);
  }

  const Site& site_;
  Materials materials_;
  std::optional<Bundle> bundle_;
  RestorePlan plan_;
  std::string id_;
  std::unique_ptr<Guest> target_;
};

}  // namespace

void restore(const Site& site, const RestoreOptions& options) {
  std::optional<Bundle> bundle;
  if (options.bundle) {
    bundle = read_bundle(*options.bundle);
    verify_bundle(*bundle);
  }
  auto observed = observe_with_strangers(site);
  auto chosen = options;
  const auto begun = begun_before(site, observed, id_of(bundle));
  if (!begun.empty() && options.on.empty()) chosen.on = begun;
  // Having a quorum again is what a reset is for: a run that was interrupted after it goes on.
  if (!bundle && !begun.empty() && is_reset(site, *site.fleet.guest(begun), id_of(bundle)))
    observed.answers = false;
  auto plan = plan_restore(site.lab, observed, bundle, chosen);
  if (!plan.refusals.empty())
    throw Error(Errc::precondition, "cannot restore the cluster: {}", hlid::join(plan.refusals, "; "))
        .with_hint(plan.fix);
  Restore(site, std::move(bundle), std::move(plan), {options.kube_vip_image}).run();
}

}  // namespace hlid::cluster
