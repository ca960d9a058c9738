#include "base/error.h"
#include "base/text.h"
#include "cluster/reset.h"
#include "cluster/traits.h"

namespace hlid::cluster {
namespace {

// $1 data folder, $2 "copy" or "move". The copy gets its name when it is whole.
constexpr std::string_view kAside = R"sh(# hlid:aside
db=$1/server/db aside=$1/server/db-aside-$(date +%s)
[ -d "$db/etcd" ] || exit 0
umask 077
rm -rf "$1/server/db-aside.part"
mkdir "$1/server/db-aside.part" || exit 1
if [ "$2" = copy ]; then
  needed=$(($(du -sk "$db/etcd" | cut -f1) * 2 + 20480))
  free=$(df -Pk "$db" | awk 'NR == 2 { print $4 }')
  if [ "$free" -lt "$needed" ]; then
    echo "no-space: $1 has $free KiB free, $needed are needed" >&2
    exit 5
  fi
  cp -a --reflink=auto "$db/etcd" "$1/server/db-aside.part/etcd" || exit 1
  sync "$1/server/db-aside.part"
else
  mv "$db/etcd" "$1/server/db-aside.part/etcd" || exit 1
fi
rm -f "$db/reset-flag"
mv "$1/server/db-aside.part" "$aside"
)sh";

// A move that was interrupted left its data in db-aside.part.
constexpr std::string_view kPutBack = R"sh(# hlid:put-back
db=$1/server/db
if [ -d "$1/server/db-aside.part/etcd" ] && [ ! -d "$db/etcd" ]; then newest=$1/server/db-aside.part
else newest=$(ls -d "$1"/server/db-aside-* 2>/dev/null | sort | tail -n 1); fi
[ -d "$newest/etcd" ] || exit 0
mkdir -p "$db"
rm -rf "$db/etcd" && mv "$newest/etcd" "$db/etcd" || exit 1
rm -rf "$newest" "$db/reset-flag"
)sh";

constexpr std::string_view kDrop =
    "# hlid:drop-aside\nrm -rf \"$1\"/server/db-aside-* \"$1/server/db-aside.part\"\n";

void run_checked(const Site& site, Guest& guest, std::string_view script, const std::string& argument,
                 const std::string& doing) {
  const auto& traits = traits_of(site.wanted().distribution);
  const auto ran = guest.run(script, {std::string(traits.data), argument}, std::chrono::minutes(10));
  if (ran.ok()) return;
  const std::string said(trim(ran.error_output));
  if (ran.status == 5)
    throw Error(Errc::precondition, "'{}' has no room to keep its old data: {}", guest.name(), said)
        .with_hint("make the machine's disk larger in the file, then hlid up --only machines");
  throw Error(Errc::failed, "cannot {} on '{}': {}", doing, guest.name(), said);
}

}  // namespace

void set_data_aside(const Site& site, Guest& guest, bool copy) {
  run_checked(site, guest, kAside, copy ? "copy" : "move", "set the old data aside");
}

void put_data_back(const Site& site, Guest& guest) {
  run_checked(site, guest, kPutBack, "", "put the old data back");
}

void drop_data_aside(const Site& site, Guest& guest) {
  run_checked(site, guest, kDrop, "", "remove the old data");
}

}  // namespace hlid::cluster
