#include "cluster/reset.h"

#include <charconv>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cluster/config.h"
#include "cluster/journal.h"
#include "cluster/traits.h"

namespace hlid::cluster {
namespace {

using std::chrono::seconds;

constexpr seconds kResetDeadline{900};
/// A reset that ended longer ago than this is not taken for the one that is asked for now.
constexpr int kFresh = 3600;

// $1 program, $2 data folder, $3 config.yaml, $4 unit, $5 variable that names the configuration, $6 ours,
// $7 snapshot or "". The configuration is the machine's own without `server:`, with which a reset is refused;
// the token was written beside before. KillMode=process: what the reset leaves running belongs to the server.
constexpr std::string_view kReset = R"sh(# hlid:reset
program=$1 data=$2 config=$3 unit=$4 variable=$5 mine=$6 snapshot=$7
umask 077
systemctl stop "$unit" 2>/dev/null
systemctl reset-failed "$unit" 2>/dev/null
rm -f "$data/server/db/reset-flag"
mkdir -p "$mine.d" || exit 1
find "$mine.d" -type f ! -name zz-hlid-token.yaml -delete
echo '# of one cluster reset' >"$mine" || exit 1
if [ -s "$config" ]; then sed '/^server:/d; /^cluster-init:/d' "$config" >>"$mine"; fi
for file in "$config".d/*.yaml "$config".d/*.yml; do
  [ -s "$file" ] || continue
  sed '/^server:/d; /^cluster-init:/d' "$file" >"$mine.d/${file##*/}" || exit 1
done
set -- server --cluster-reset
if [ -n "$snapshot" ]; then
  set -- "$@" "--cluster-reset-restore-path=$snapshot"
  if grep -qs '^etcd-s3: *"*true' "$mine" "$mine.d"/*; then set -- "$@" --etcd-s3=false; fi
fi
systemd-run --quiet --no-block --unit="$unit" --property=Type=oneshot --property=RemainAfterExit=yes \
  --property=KillMode=process --property=Delegate=yes --setenv="$variable=$mine" -- "$program" "$@"
)sh";

// $1 unit, $2 data folder. "age" is that of the end of its process, in seconds.
constexpr std::string_view kState = R"sh(# hlid:reset-state
systemctl show "$1" -p LoadState -p ActiveState -p SubState -p Result
ended=$(systemctl show --timestamp=unix "$1" -p ExecMainExitTimestamp --value | tr -d '@')
if [ -n "$ended" ] && [ "$ended" -gt 0 ] 2>/dev/null; then echo "age=$(($(date +%s) - ended))"; fi
if [ -e "$2/server/db/reset-flag" ]; then echo flag=yes; fi
invocation=$(systemctl show "$1" -p InvocationID --value)
[ -n "$invocation" ] || exit 0
journalctl -q --no-pager -o cat "_SYSTEMD_INVOCATION_ID=$invocation" | tail -n 300 |
  sed 's/^/line=/'
)sh";

// $1 unit, $2 our configuration, $3 our folder under the data folder.
constexpr std::string_view kClear = R"sh(# hlid:reset-clear
systemctl stop "$1" 2>/dev/null
systemctl reset-failed "$1" 2>/dev/null
rm -rf "$2" "$2.d" "$3"
)sh";

struct State {
  bool known = false;  ///< systemd has the unit
  bool running = false;
  bool succeeded = false;
  bool flag = false;  ///< not started since
  int age = kFresh;   ///< seconds since its end
  std::vector<std::string> lines;
};

State read_state(std::string_view report) {
  State state;
  bool exited = false, ok = false, told = false;
  for (const auto& line : split(report, '\n')) {
    if (line == "LoadState=loaded") state.known = true;
    if (line == "ActiveState=activating" || line == "SubState=start") state.running = true;
    if (line == "SubState=exited") exited = true;
    if (line == "Result=success") ok = true;
    if (line == "flag=yes") state.flag = true;
    if (line.starts_with("age=")) std::from_chars(line.data() + 4, line.data() + line.size(), state.age);
    if (!line.starts_with("line=")) continue;
    state.lines.push_back(line.substr(5));
    told = told || contains(line, "Managed etcd cluster membership has been reset");
  }
  // Both are needed: the exit status alone is 0 for some refusals too.
  state.succeeded = exited && ok && told;
  return state;
}

std::string unit_of(const std::string& id) {
  return "hlid-reset-" + id + ".service";
}

std::string config_of_reset(const Traits& traits) {
  return replace_all(std::string(traits.config), "config.yaml", "hlid-reset.yaml");
}

State state_of(Guest& guest, const Traits& traits, const std::string& id) {
  return read_state(guest.run(kState, {unit_of(id), std::string(traits.data)}).output);
}

std::string last_words(const State& state) {
  std::vector<std::string> words;
  for (auto line = state.lines.rbegin(); line != state.lines.rend() && words.size() < 6; ++line)
    if (contains(*line, "level=fatal") || contains(*line, "level=error") || contains(*line, "FATA") ||
        words.empty())
      words.insert(words.begin(), plain_line(*line));
  return words.empty() ? "it said nothing" : join(words, "\n");
}

void clear_unit(Guest& guest, const Traits& traits, const std::string& id, bool files) {
  guest.run(kClear, {unit_of(id), files ? config_of_reset(traits) : "/nonexistent",
                     files ? traits.under("server/hlid-restore") : "/nonexistent"});
}

/// Until its process has ended.
State wait_for_end(const Site& site, Guest& guest, const std::string& id) {
  const auto& traits = traits_of(site.wanted().distribution);
  const auto deadline = site.clock.now() +
                        std::chrono::duration_cast<std::chrono::milliseconds>(kResetDeadline * site.patience);
  for (;;) {
    const auto state = state_of(guest, traits, id);
    if (!state.running) return state;
    if (!state.lines.empty()) site.phase("resetting: " + plain_line(state.lines.back()));
    if (site.clock.now() >= deadline) {
      clear_unit(guest, traits, id, false);
      throw Error(Errc::timeout, "the reset of '{}' did not end: {}", guest.name(), last_words(state))
          .with_hint("is another etcd still running, or the token another one than the snapshot's?");
    }
    if (!site.clock.sleep(seconds(2), site.stop))
      throw Error(Errc::interrupted, "stopped while '{}' was being reset; it goes on by itself",
                  guest.name());
  }
}

}  // namespace

bool reset_was_begun(Guest& guest, const std::string& id) {
  return read_state(guest.run(kState, {unit_of(id), "/nonexistent"}).output).known;
}

bool is_reset(const Site& site, Guest& guest, const std::string& id) {
  auto state = state_of(guest, traits_of(site.wanted().distribution), id);
  if (state.running) state = wait_for_end(site, guest, id);
  return state.succeeded && (state.flag || state.age < kFresh);
}

void reset(const Site& site, Guest& guest, const ResetSource& source) {
  const auto& traits = traits_of(site.wanted().distribution);
  const auto config = config_of_reset(traits);
  if (source.token) guest.write_file(config + ".d/zz-hlid-token.yaml", render_token(*source.token).reveal());
  site.phase("resetting");
  const auto ran = guest.run(
      kReset, {std::string(traits.program), std::string(traits.data), std::string(traits.config),
               unit_of(source.id), to_upper(traits.name) + "_CONFIG_FILE", config, source.snapshot});
  if (!ran.ok())
    throw Error(Errc::failed, "cannot begin the reset of '{}': {}", guest.name(), trim(ran.error_output));
  const auto state = wait_for_end(site, guest, source.id);
  if (!state.succeeded)
    throw Error(Errc::failed, "the reset of '{}' failed: {}", guest.name(), last_words(state));
}

void clear_reset(const Site& site, Guest& guest, const std::string& id) {
  clear_unit(guest, traits_of(site.wanted().distribution), id, true);
}

}  // namespace hlid::cluster
