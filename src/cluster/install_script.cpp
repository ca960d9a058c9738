#include "cluster/install_script.h"

#include <string>

#include "cluster/install.h"

// The script in the order in which it works: look, check, stage, place. Until `place_all` nothing that is in
// use has changed; what a killed run staged is removed by the next one. It answers with lines key=value.
namespace hlid::cluster {
namespace {

constexpr std::string_view kBegin = R"sh(# hlid:install
set -eu
LC_ALL=C
export LC_ALL
umask 022
mode=$1 root=$2 name=$3 version=$4 release=$5 prefix=$2$6 data=$2$7 may_replace=$8 disc=$9
shift 9
program=$1
shift
# What is left are the archives of images.
sums=$disc/hlid-sha256.txt
stage=$prefix/.hlid-new
images=$data/agent/images
new_images=$data/hlid/new  # not among the others: a start meanwhile would import halves
record=$data/hlid/release
binary=$prefix/bin/$name

fail() {
  printf 'error=%s\n' "$1"
  shift
  printf '%s\n' "$@"
  exit 3
}

# The version that a program says it is; nothing when it does not run.
version_of() {
  "$1" --version 2>/dev/null | sed -n "1s/^$name version \([^ ]*\).*/\1/p" || :
}

size_of() {
  stat -L -c %s -- "$1"
}

digest_of() {
  sha256sum <"$1" | cut -d ' ' -f 1
}
)sh";

constexpr std::string_view kLook = R"sh(
# Every file that the record names is there, as large as it was.
record_holds() {
  [ -f "$record" ] && [ "$(sed -n 's/^release //p' "$record")" = "$release" ] || return 1
  while read -r kind size path; do
    [ "$kind" = file ] || continue
    [ -e "$root$path" ] && [ "$(size_of "$root$path")" = "$size" ] || return 1
  done <"$record"
}

look() {
  installed=
  [ ! -e "$binary" ] || installed=$(version_of "$binary")
  complete=no
  if [ "$installed" = "$version" ] && record_holds; then complete=yes; fi
  printf 'version=%s\ncomplete=%s\n' "$installed" "$complete"
}
)sh";

constexpr std::string_view kCheck = R"sh(
# The digest that the disc's checksums have for a file.
expected() {
  while read -r digest file; do
    [ "$file" != "$1" ] || printf '%s\n' "$digest"
  done <"$sums"
}

check_disc() {
  [ -f "$sums" ] || fail missing "file=$sums"
  [ "$(digest_of "$sums")" = "$release" ] ||
    fail corrupt "file=$sums" "wanted=$release" "found=$(digest_of "$sums")"
  for one in "$program" "$@"; do
    [ -f "$disc/$one" ] || fail missing "file=$disc/$one"
    [ -n "$(expected "$one")" ] || fail missing "file=$disc/$one" "line=$sums"
  done
}

# The nearest folder above that exists: what is still to be made has no free space of its own.
standing() {
  folder=$1
  while [ -n "$folder" ] && [ ! -d "$folder" ]; do folder=${folder%/*}; done
  printf '%s\n' "${folder:-/}"
}

# Bytes that the program takes when unpacked: gzip keeps that in its last four.
unpacked_size() {
  case $program in
    *.tar.gz) tail -c 4 "$disc/$program" | od -An -tu4 | tr -d ' ' ;;
    *) size_of "$disc/$program" ;;
  esac
}

room() {
  at=$(standing "$1")
  free=$(($(df -k --output=avail "$at" | tail -n 1) * 1024))
  [ "$free" -ge "$2" ] || fail no-space "path=$1" "needed=$2" "free=$free"
}

check_room() {
  for_program=$(($(unpacked_size) + 33554432))
  for_images=33554432
  for one in "$@"; do
    already_placed "$one" || for_images=$((for_images + $(size_of "$disc/$one")))
  done
  if [ "$(stat -c %d "$(standing "$prefix")")" = "$(stat -c %d "$(standing "$images")")" ]; then
    room "$images" "$((for_program + for_images))"
  else
    room "$prefix" "$for_program"
    room "$images" "$for_images"
  fi
}
)sh";

constexpr std::string_view kStage = R"sh(
# A run that was killed placed some already; reading is faster than copying again.
already_placed() {
  [ -f "$images/$1" ] && [ "$(size_of "$images/$1")" = "$(size_of "$disc/$1")" ] &&
    [ "$(digest_of "$images/$1")" = "$(expected "$1")" ]
}

write_or_fail() {
  if ! said=$("$@" 2>&1); then
    fail cannot-write "detail=$(printf %s "$said" | tail -n 1)"
  fi
}

stage_image() {
  write_or_fail cp -- "$disc/$1" "$new_images/$1"
  found=$(digest_of "$new_images/$1")
  [ "$found" = "$(expected "$1")" ] || fail corrupt "file=$disc/$1" "wanted=$(expected "$1")" "found=$found"
  write_or_fail sync "$new_images/$1"
}

stage_program() {
  found=$(digest_of "$disc/$program")
  [ "$found" = "$(expected "$program")" ] ||
    fail corrupt "file=$disc/$program" "wanted=$(expected "$program")" "found=$found"
  case $program in
    *.tar.gz) write_or_fail tar -xzf "$disc/$program" -C "$stage" --no-same-owner ;;
    *)
      write_or_fail mkdir -p "$stage/bin"
      write_or_fail cp -- "$disc/$program" "$stage/bin/$name"
      write_or_fail chmod 0755 "$stage/bin/$name"
      "${name}_files"
      ;;
  esac
  [ -f "$stage/bin/$name" ] || fail missing "file=bin/$name" "line=$disc/$program"
  if ! said=$("$stage/bin/$name" --version 2>&1); then
    fail cannot-run "file=$binary" "detail=$(printf %s "$said" | tail -n 1)"
  fi
  found=$(version_of "$stage/bin/$name")
  [ "$found" = "$version" ] || fail wrong-version "wanted=$version" "found=$found"
  write_or_fail find "$stage" -type f -exec sync {} +
}

drop_stages() {
  rm -rf -- "$stage" "$new_images"
}
)sh";

constexpr std::string_view kPlace = R"sh(
# What will be in place. Sizes tell later whether it still is.
write_record() {
  printf 'release %s\nversion %s\n' "$release" "$version" >"$record.new" || return
  find "$stage" ! -type d -printf "file %s ${prefix#"$root"}/%P\n" >>"$record.new" || return
  for one in "$@"; do
    stat -L -c "file %s ${images#"$root"}/$one" -- "$disc/$one" >>"$record.new" || return
  done
}

place_images() {
  for one in "$@"; do
    [ ! -e "$new_images/$one" ] || write_or_fail mv -f -- "$new_images/$one" "$images/$one"
  done
  write_or_fail sync "$images"
}

# The folders of what is staged, as they are called in place, for a command.
with_folders() {
  find "$stage" -type d -printf "$prefix/%P\0" | xargs -0 "$@"
}

# The binary comes last: as long as it is the old one, the next run begins again.
place_program() {
  write_or_fail with_folders mkdir -p --
  find "$stage" ! -type d -printf '%P\n' | while IFS= read -r one; do
    [ "$one" = "bin/$name" ] || write_or_fail mv -f -- "$stage/$one" "$prefix/$one"
  done || exit
  write_or_fail mv -f -- "$stage/bin/$name" "$prefix/bin/$name"
  write_or_fail with_folders sync
}

is_wanted() {
  looked_for=$1
  shift
  for one in "$@"; do
    [ "$one" != "$looked_for" ] || return 0
  done
  return 1
}

# Archives of other versions would be imported too: those of releases and those that a record names. What
# somebody else put there is left.
drop_old_images() {
  for path in "$images/$name-images"* "$images/$name-airgap-images"*; do
    [ ! -f "$path" ] || is_wanted "${path##*/}" "$@" || rm -f -- "$path"
  done
  [ -f "$record" ] || return 0
  while read -r kind _ path; do
    case $kind:$root$path in
      "file:$images/"*) is_wanted "${path##*/}" "$@" || rm -f -- "$root$path" ;;
    esac
  done <"$record"
}

place_all() {
  write_or_fail write_record "$@"
  place_images "$@"
  place_program
  drop_old_images "$@"
  touch "$images/.cache.json"
  if [ -z "$root" ]; then systemctl daemon-reload >&2 || fail cannot-reload; fi
  drop_stages
  write_or_fail sync "$record.new"
  mv -f -- "$record.new" "$record"
  write_or_fail sync "$data/hlid"
}
)sh";

constexpr std::string_view kMain = R"sh(
if [ "$mode" = look ]; then
  look
  exit 0
fi

# Whoever started an earlier run may be gone while it still works here.
mkdir -p "$root/run"
exec 9>"$root/run/hlid-install.lock"
flock -w 900 9 || fail busy "path=$root/run/hlid-install.lock"
look
if [ "$complete" = yes ]; then
  printf 'changed=no\n'
  exit 0
fi
case $installed in
  '' | "$version" | "$may_replace") ;;
  *) fail other-version "found=$installed" "wanted=$version" ;;
esac
check_disc "$@"
drop_stages
check_room "$@"
trap drop_stages EXIT
write_or_fail mkdir -p "$stage" "$new_images" "$images"
for one in "$@"; do
  already_placed "$one" || stage_image "$one"
done
stage_program
place_all "$@"
printf 'changed=yes\n'
)sh";

}  // namespace

std::string_view install_script() {
  static const auto script = [] {
    std::string text;
    for (const auto part : {kBegin, kK3sFilesScript, kLook, kCheck, kStage, kPlace, kMain}) text += part;
    return text;
  }();
  return script;
}

}  // namespace hlid::cluster
