#include <chrono>

#include "base/text.h"
#include "cluster/readiness.h"
#include "cluster/shell.h"

namespace hlid::cluster {
namespace {

// The cursor is taken first: every line of the new process comes after it. daemon-reload because unit files
// and their drop-ins may just have been placed.
constexpr std::string_view kStart = R"sh(
verb=$1 unit=$2
journalctl -n 1 -o cat --show-cursor --no-pager -q | sed -n 's/^-- cursor: /cursor /p' | tail -n 1
systemctl show "$unit" -p InvocationID | sed -n 's/^InvocationID=\(.\)/invocation \1/p'
systemctl daemon-reload || exit 1
systemctl --quiet enable "$unit" || exit 1
systemctl reset-failed "$unit" 2>/dev/null
systemctl --no-block "$verb" "$unit"
)sh";

JournalCursor begin(const Site& site, Guest& guest, const model::Machine& machine, const std::string& verb) {
  static const std::string text = script("start", {kStart});
  const auto& traits = traits_of(site.wanted().distribution);
  const std::string unit(traits.unit(machine.role == model::Role::server));
  const auto ran = guest.run(
      text, {verb, unit},
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::seconds(60) * site.patience));
  if (!ran.ok())
    throw Error(Errc::failed, "cannot {} {} on '{}': {}", verb, unit, machine.name, trim(ran.error_output))
        .with_hint(fmt::format("hlid ssh {} -- systemctl status {}", machine.name, unit));
  JournalCursor cursor;
  for (const auto& line : split(ran.output, '\n')) {
    if (line.starts_with("cursor ")) cursor.text = line.substr(7);
    if (line.starts_with("invocation ") && verb == "restart") cursor.invocation = line.substr(11);
  }
  return cursor;
}

}  // namespace

JournalCursor start_unit(const Site& site, Guest& guest, const model::Machine& machine) {
  return begin(site, guest, machine, "start");
}

JournalCursor restart_unit(const Site& site, Guest& guest, const model::Machine& machine) {
  return begin(site, guest, machine, "restart");
}

}  // namespace hlid::cluster
