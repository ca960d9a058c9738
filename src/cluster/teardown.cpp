#include "cluster/teardown.h"

#include "base/error.h"
#include "base/text.h"
#include "cluster/config.h"
#include "cluster/traits.h"

namespace hlid::cluster {
namespace {

// $1 server unit, $2 agent unit, $3 "for-good" or "", $4 killall script or "", $5 VIP or "".
// A unit that does not exist is no failure; one that cannot be stopped is.
constexpr std::string_view kStop = R"sh(# hlid:stop
for unit in "$1" "$2"; do
  [ "$(systemctl show -p LoadState --value "$unit")" = loaded ] || continue
  if [ "$3" = for-good ]; then systemctl disable "$unit" || exit 1; fi
  systemctl stop "$unit" || exit 1
done
if [ -n "$4" ] && [ -x "$4" ]; then "$4" >/dev/null 2>&1; fi
[ -n "$5" ] || exit 0
ip -o -4 addr show | while read -r _ interface _ address _; do
  if [ "${address%/*}" = "$5" ]; then ip addr del "$address" dev "$interface"; fi
done
exit 0
)sh";

// $1, $2 uninstall scripts; then the paths that are left. Either script removes itself last.
constexpr std::string_view kUninstall = R"sh(# hlid:uninstall
for script in "$1" "$2"; do
  [ -x "$script" ] || continue
  "$script" >/tmp/hlid-uninstall.log 2>&1 || { tail -n 5 /tmp/hlid-uninstall.log >&2; exit 1; }
done
shift 2
for path; do rm -rf -- "$path"; done
rm -f /tmp/hlid-uninstall.log
systemctl daemon-reload
)sh";

void must(const Ran& ran, std::string_view doing, const Guest& guest) {
  if (ran.ok()) return;
  throw Error(Errc::failed, "cannot {} on '{}': {}", doing, guest.name(),
              ran.error_output.empty() ? "exit status " + std::to_string(ran.status)
                                       : std::string(trim(ran.error_output)));
}

void halt(const Site& site, Guest& guest, bool for_good, bool kill) {
  const auto& traits = traits_of(site.wanted().distribution);
  const auto& vip = site.wanted().vip;
  const auto ran =
      guest.run(kStop,
                {std::string(traits.server_unit), std::string(traits.agent_unit), for_good ? "for-good" : "",
                 kill ? std::string(traits.killall) : "", kill && vip ? to_string(*vip) : ""},
                std::chrono::minutes(5));
  must(ran, kill ? "end all processes" : "stop the service", guest);
}

}  // namespace

void stop_units(const Site& site, Guest& guest, bool for_good) {
  site.phase("stopping");
  halt(site, guest, for_good, false);
}

void kill_all(const Site& site, Guest& guest, bool for_good) {
  site.phase("ending all its processes");
  halt(site, guest, for_good, true);
}

void uninstall(const Site& site, Guest& guest) {
  const auto& traits = traits_of(site.wanted().distribution);
  site.phase("uninstalling");
  std::vector<std::string> arguments{std::string(traits.server_uninstall),
                                     std::string(traits.agent_uninstall)};
  for (const auto& path : leftover_paths(site.wanted().distribution)) arguments.push_back(path);
  must(guest.run(kUninstall, arguments, std::chrono::minutes(10)), "uninstall", guest);
}

void make_sure_it_is_dead(const Site& site, const std::string& machine) {
  if (!site.fleet.runs(machine)) return;
  const auto guest = site.fleet.guest(machine);
  try {
    kill_all(site, *guest, true);
  } catch (const Error& error) {
    if (error.code() != Errc::io && error.code() != Errc::timeout) throw;
    site.phase("its guest agent is silent: cutting its power");
    guest->cut_power();
  }
}

}  // namespace hlid::cluster
