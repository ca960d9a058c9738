#include "cluster/poll.h"

#include <chrono>

#include "base/text.h"
#include "cluster/shell.h"

namespace hlid::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The supervisor and the Node are asked only once the unit is active: until then the journal tells more, and
// asking would take most of the second. -n with a cursor gives the first lines after it.
constexpr std::string_view kWatch = R"sh(
name=$1 data=$2 kubectl=$3 kubeconfig=$4 port=$5 unit=$6 node=$7 cursor=$8 old=$9
if [ -n "$old" ]; then
  last=$(journalctl "_SYSTEMD_INVOCATION_ID=$old" -n 1 -o cat --show-cursor --no-pager -q 2>/dev/null |
    sed -n 's/^-- cursor: //p' | tail -n 1)
  cursor=${last:-$cursor}
fi
state=$(units "$unit")
printf '%s\n' "$state"
stat -f -c 'free %a %S' "$data" 2>/dev/null
if [ -n "$cursor" ]; then
  lines=$(journalctl -u "$unit" -o cat --no-pager -q --show-cursor --after-cursor "$cursor" -n 200 2>/dev/null)
else
  lines=$(journalctl -u "$unit" -o cat --no-pager -q --show-cursor -b -n 50 2>/dev/null)
fi
printf '%s\n' "$lines" | sed -n 's/^-- cursor: /cursor /p' | tail -n 1
printf 'journal %s\n' "$(printf '%s\n' "$lines" | sed '/^-- cursor: /d' | base64 -w0)"
case $state in *" active "*) ;; *) exit 0 ;; esac
[ -n "$node" ] || exit 0
if answer=$(kube get node "$node" -o json 2>&1); then
  printf 'node %s\n' "$(printf '%s\n' "$answer" | slim | base64 -w0)"
else
  case $answer in *NotFound*) echo nonode ;; esac
fi
echo web
web "$data/server/tls/server-ca.crt" "$data/server/token" readyz "https://127.0.0.1:$port/v1-$name/readyz" \
  members "https://127.0.0.1:$port/db/info"
exit 0
)sh";

constexpr std::string_view kNode = R"sh(
kubectl=$1 kubeconfig=$2
answer=$(kube get node "$3" -o json 2>&1) && printf '%s\n' "$answer" | slim && exit 0
case $answer in *NotFound*) echo nonode; exit 0 ;; esac
exit 1
)sh";

milliseconds patient(const Site& site, seconds usual) {
  return std::chrono::duration_cast<milliseconds>(usual * site.patience);
}

void read_unit(const std::vector<std::string>& words, const model::Machine& machine, Polled& polled) {
  if (words.size() < 6) return;
  polled.seen.active = words[2] == "active";
  polled.seen.unit_state = words[2] + "/" + words[3];
  polled.seen.unit = machine.role;
  polled.invocation = words[5];
}

}  // namespace

Polled parse_poll(std::string_view report, const model::Machine& machine) {
  Polled polled;
  auto& seen = polled.seen;
  seen.machine = machine.name;
  seen.running = seen.reachable = seen.addressed = true;
  bool whole = false;
  const auto [own, web] = split_web(report);
  for (const auto& line : split(own, '\n')) {
    const auto blank = std::min(line.find(' '), line.size());
    const std::string key = line.substr(0, blank), value(trim(std::string_view(line).substr(blank)));
    if (key == "unit") read_unit(split(value, ' '), machine, polled);
    if (key == "free") seen.disk_free = parse_free(value);
    if (key == "cursor") polled.cursor = value;
    if (key == "node") polled.nodes = parse_nodes(base64_decode(value));
    if (key == "nonode") polled.nodes.emplace();
    if (key != "journal") continue;
    whole = true;
    for (auto& text : split(base64_decode(value), '\n'))
      if (!text.empty()) polled.lines.push_back(std::move(text));
  }
  auto answers = parse_web(web);
  seen.supervisor = answers["readyz"].ok;
  if (answers["members"].ok) polled.members = parse_members(answers["members"].body);
  if (!whole) throw Error(Errc::protocol, "the report of '{}' about its unit is cut short", machine.name);
  return polled;
}

Polled poll(const Site& site, const model::Machine& machine, const std::string& cursor,
            const std::string& old) {
  static const std::string text = script("watch", {kShellWeb, kShellKube, kShellUnits, kWatch});
  const auto& traits = traits_of(site.wanted().distribution);
  const bool server = machine.role == model::Role::server;
  Polled polled;
  polled.seen.machine = machine.name;
  try {
    polled.seen.running = site.fleet.runs(machine.name);
    if (!polled.seen.running) {
      polled.silence = "it is switched off";
      return polled;
    }
    const auto ran =
        site.fleet.guest(machine.name)
            ->run(text,
                  {std::string(traits.name), std::string(traits.data), std::string(traits.kubectl),
                   std::string(traits.kubeconfig), std::to_string(traits.supervisor_port),
                   std::string(traits.unit(server)), server ? machine.name : "", cursor, old},
                  patient(site, seconds(30)));
    return parse_poll(ran.output, machine);
  } catch (const Error& error) {
    if (error.code() == Errc::interrupted) throw;
    polled.silence = error.what();
    return polled;
  }
}

std::optional<std::vector<model::ObservedNodeObject>> read_node(const Site& site, Guest& through,
                                                                const std::string& name) {
  static const std::string text = script("node", {kShellKube, kNode});
  const auto& traits = traits_of(site.wanted().distribution);
  const auto ran = through.run(text, {std::string(traits.kubectl), std::string(traits.kubeconfig), name},
                               patient(site, seconds(30)));
  if (!ran.ok()) return std::nullopt;
  if (trim(ran.output) == "nonode") return std::vector<model::ObservedNodeObject>{};
  return parse_nodes(ran.output);
}

}  // namespace hlid::cluster
