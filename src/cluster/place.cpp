#include "cluster/place.h"

#include "base/error.h"
#include "base/text.h"

namespace hlid::cluster {
namespace {

// Arguments: PATH MODE CONTENT, again and again. The temporary name ends in no suffix that systemd, the
// distribution's configuration or its manifests folder would read.
constexpr std::string_view kScript = R"sh(# hlid:place
set -eu
umask 022
while [ $# -ge 3 ]; do
  path=$1 mode=$2 content=$3
  shift 3
  printf 'at %s\n' "$path"
  if [ -f "$path" ] && [ "$(stat -c %a "$path")" = "${mode#0}" ] &&
    printf '%s' "$content" | cmp -s - "$path"; then
    continue
  fi
  mkdir -p "${path%/*}"
  new=$path.hlid-new
  rm -f "$new"
  printf '%s' "$content" >"$new"
  chmod "$mode" "$new"
  sync "$new"
  mv -f "$new" "$path"
  sync "${path%/*}"
  printf 'changed %s\n' "$path"
done
)sh";

/// The path that the script was at when it stopped, and what it changed before.
struct Report {
  std::string at;
  std::vector<std::string> changed;
};

Report parse(const std::string& output) {
  Report report;
  for (const auto& line : split(output, '\n')) {
    if (line.substr(0, 3) == "at ") report.at = line.substr(3);
    if (line.substr(0, 8) == "changed ") report.changed.push_back(line.substr(8));
  }
  return report;
}

}  // namespace

std::vector<std::string> place_files(Guest& guest, const std::vector<MachineFile>& files) {
  std::vector<std::string> arguments;
  for (const auto& file : files) arguments.insert(arguments.end(), {file.path, file.mode, file.content});
  const Ran ran = guest.run(kScript, arguments);
  auto report = parse(ran.output);
  if (ran.ok()) return std::move(report.changed);
  const auto words = std::string(trim(ran.error_output));
  const bool full = contains(words, "No space left");
  throw Error(full ? Errc::precondition : Errc::io, "'{}': cannot write '{}': {}", guest.name(), report.at,
              words.empty() ? "no reason given" : words)
      .with_hint(full ? "make the machine's disk larger in the file, or free some of it" : "");
}

}  // namespace hlid::cluster
