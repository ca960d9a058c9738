#include "cluster/snapshot.h"

#include <algorithm>
#include <ctime>
#include <regex>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cluster/quorum.h"
#include "cluster/strangers.h"
#include "cluster/traits.h"
#include "sys/files.h"
#include "sys/hash.h"

namespace hlid::cluster {
namespace {

namespace fs = std::filesystem;

/// Base name of our snapshots on the machines, by which theirs are pruned and the cluster's are not.
const char* const kSnapshotBase = "hlid";

// $1 program, $2 data folder, $3 base name, $4 how many to keep, $5 lab, $6 label, $7 machine, $8
// distribution, $9 snapshot folder of the file or "", $10 folder of the configuration. Everything is made in
// one folder that only root sees; what an interrupted run left there goes first. etcd's file takes its room
// up to three times: itself, compressed, in the archive.
constexpr std::string_view kBundle = R"sh(# hlid:snapshot
program=$1 data=$2 base=$3 keep=$4 lab=$5 label=$6 machine=$7 distribution=$8 snapshots=$9
shift 9
config=$1
umask 077
unset RKE2_URL K3S_URL RKE2_TOKEN K3S_TOKEN
work=$data/server/hlid-bundle
rm -rf "$work"
mkdir -p "$work/parts" && cd "$work/parts" || exit 1
needed=$(($(du -sk "$data/server/db/etcd" | cut -f1) * 3 + 20480))
free=$(df -Pk "$work" | awk 'NR == 2 { print $4 }')
if [ "$free" -lt "$needed" ]; then
  echo "no-space: $data has $free KiB free, $needed are needed" >&2
  exit 5
fi
if ! said=$("$program" etcd-snapshot save --name "$base" 2>&1); then
  printf '%s\n' "$said" | tail -n 5 >&2
  exit 3
fi
name=$(printf '%s\n' "$said" | sed -n 's/.*Snapshot \([^ "]*\) saved.*/\1/p' | tail -n 1)
name=${name##*/}
file=
for folder in "$data/server/db/snapshots" "$snapshots"; do
  if [ -n "$name" ] && [ -s "$folder/$name" ]; then file=$folder/$name; fi
done
if [ -z "$file" ]; then
  printf 'the snapshot is not where it should be: %s\n' "$said" | tail -n 5 >&2
  exit 4
fi
gzip -1 -c "$file" >snapshot.gz && cat "$data/server/token" >token || exit 6
if [ -s "$data/server/agent-token" ]; then cat "$data/server/agent-token" >agent-token || exit 6; fi
tar -C "$data/server" -czf server.tar.gz tls cred || exit 6
tar -C "$config" -czf config.tar.gz . || exit 6
{
  echo 'hlid-bundle 1'
  echo "lab $lab"
  echo "label $label"
  echo "machine $machine"
  echo "time $(date +%s)"
  echo "distribution $distribution"
  echo "version $("$program" --version | sed -n '1s/.* version \([^ ]*\).*/\1/p')"
  echo "ca $(sha256sum <"$data/server/tls/server-ca.crt" | cut -d' ' -f1)"
  echo "snapshot $name"
  for part in *; do [ "$part" = MANIFEST ] || echo "sum $(sha256sum "$part")"; done
} >MANIFEST
tar --format=ustar --owner=0 --group=0 -cf "$work/bundle" MANIFEST token snapshot.gz server.tar.gz config.tar.gz \
  $([ ! -s agent-token ] || echo agent-token) || exit 6
cd / && rm -rf "$work/parts"
"$program" etcd-snapshot prune --name "$base" --snapshot-retention "$keep" >/dev/null 2>&1
echo "bundle $work/bundle"
)sh";

constexpr std::string_view kBundleDone = "# hlid:snapshot-done\nrm -rf -- \"$1\"\n";

std::string snapshot_folder(const model::Cluster& cluster) {
  const auto option = cluster.options.find("etcd-snapshot-dir");
  return option == cluster.options.end() || option->second.values.empty() ? ""
                                                                          : option->second.values.front();
}

void check_label(const std::string& label) {
  static const std::regex allowed("[a-z0-9-]{0,32}");
  if (!std::regex_match(label, allowed))
    throw Error(Errc::usage, "'{}' is no label: small letters, digits and '-', at most 32", label);
}

fs::path file_name(const Site& site, const SnapshotOptions& options) {
  const std::time_t now = site.clock.unix_seconds();
  return fmt::format("{}-{:%Y%m%d-%H%M%S}{}{}", site.lab.name, fmt::gmtime(now),
                     options.label.empty() ? "" : "-" + options.label, kBundleExtension);
}

}  // namespace

std::string snapshot_server(const model::ObservedCluster& observed, const std::string& wanted) {
  if (!observed.answers)
    throw Error(Errc::precondition, "no server of the cluster answers, so none can take a snapshot")
        .with_hint(
            "hlid status shows the first broken link of each; hlid cluster snapshot list shows old ones");
  std::string leader;
  for (const auto& member : observed.members) {
    const auto* machine = observed.machine(member.node);
    const bool able =
        machine && machine->reachable && machine->supervisor && member.voting == model::Voting::voter;
    if (!able || (!wanted.empty() && wanted != member.node)) continue;
    if (!member.leader || member.node == wanted) return member.node;
    leader = member.node;
  }
  if (!leader.empty()) return leader;
  throw Error(Errc::precondition, "{} cannot take a snapshot: it is no voting member that is ready",
              wanted.empty() ? "any server" : "'" + wanted + "'")
      .with_hint("hlid status shows the first broken link of each server");
}

std::string make_bundle(const Site& site, Guest& guest, const SnapshotOptions& options) {
  const auto& traits = traits_of(site.wanted().distribution);
  const auto patience = std::chrono::seconds(static_cast<long>(600 * site.patience));
  const auto ran = guest.run(kBundle,
                             {std::string(traits.program), std::string(traits.data), kSnapshotBase,
                              std::to_string(std::max(1, options.keep_on_machine)), site.lab.name,
                              options.label, guest.name(), std::string(traits.name),
                              snapshot_folder(site.wanted()), fs::path(traits.config).parent_path().string()},
                             patience);
  for (const auto& line : split(ran.output, '\n'))
    if (ran.ok() && line.starts_with("bundle ")) return line.substr(7);
  const std::string said(trim(ran.error_output));
  if (ran.status == 5)
    throw Error(Errc::precondition, "'{}' has no room for a snapshot: {}", guest.name(), said)
        .with_hint("make the machine's disk larger in the file, then hlid up");
  throw Error(Errc::failed, "'{}' could not take a snapshot: {}", guest.name(),
              said.empty() ? "exit status " + std::to_string(ran.status) : said);
}

Bundle fetch_bundle(const Site& site, Guest& guest, const std::string& there, const fs::path& folder,
                    const SnapshotOptions& options) {
  sys::make_folder(folder, 0700);
  const auto here = folder / file_name(site, options);
  const auto unfinished = fs::path(here).concat(".part");
  site.phase("fetching the snapshot");
  guest.pull(there, unfinished);
  try {
    verify_bundle(read_bundle(unfinished));
  } catch (const Error&) {
    sys::remove_durable(unfinished);
    throw;
  }
  sys::move_durable(unfinished, here);
  guest.run(kBundleDone, {fs::path(there).parent_path().string()});
  return read_bundle(here);
}

Bundle take_snapshot(const Site& site, const fs::path& folder, const SnapshotOptions& options) {
  check_label(options.label);
  const auto server = snapshot_server(observe_with_strangers(site), options.on);
  const auto guest = site.fleet.guest(server);
  site.phase("taking a snapshot on " + server);
  return fetch_bundle(site, *guest, make_bundle(site, *guest, options), folder, options);
}

}  // namespace hlid::cluster
