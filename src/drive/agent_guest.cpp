#include "drive/agent_guest.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "pve/agent.h"
#include "sys/files.h"
#include "sys/hash.h"
#include "sys/rollback.h"
#include "sys/unique_fd.h"
#include "wire/api_error.h"

/// What goes in travels as standard input of a shell whose program is a constant: one call of the API, and
/// nothing that a user of the machine could see in its list of processes.
namespace hlid::drive {
namespace {

using std::chrono::seconds;

constexpr std::size_t kLongestScript = 60 * 1024;
constexpr std::size_t kLongestInput = 64 * 1024;  // PVE, API2/Qemu/Agent.pm: input-data
constexpr std::size_t kLongestFile = 40 * 1024;
constexpr std::int64_t kPiece = 1 << 20;  // of a file that is pulled; an agent's answer holds 16 MiB

/// The whole script is read before any of it runs, so a cut-off one never runs in part and its commands find
/// an empty standard input rather than its rest.
constexpr const char* kRunInput = R"sh(eval "$(cat)")sh";
/// For scripts with other characters than ASCII, which the API's own encoding would change.
constexpr const char* kRunEncodedInput = R"sh(eval "$(base64 -d)")sh";

/// PATH MODE BYTES, the content in base64 on standard input.
constexpr const char* kWriteFile = R"sh(
set -eu
path=$1 mode=$2 bytes=$3
folder=${path%/*}
umask 022
[ -z "$folder" ] || [ -d "$folder" ] || mkdir -p "$folder"
umask 077
new=$folder/.hlid-new.$$
trap 'rm -f "$new"' EXIT
base64 -d >"$new"
if [ "$(wc -c <"$new")" -ne "$bytes" ]; then echo "only a part arrived" >&2; exit 1; fi
chmod "$mode" "$new"
sync "$new"
mv -f "$new" "$path"
sync "${folder:-/}"
trap - EXIT
)sh";

/// PATH: its size and SHA-256.
constexpr const char* kDescribeFile = R"sh(
set -eu
wc -c <"$1"
sum=$(sha256sum <"$1")
echo "${sum%% *}"
)sh";

/// PATH INDEX: one mebibyte of it, from that index on, in base64.
constexpr const char* kReadPiece = R"sh(dd if="$1" bs=1048576 skip="$2" count=1 2>/dev/null | base64 -w0)sh";

/// LABEL FOLDER: mounts the CD with that volume id, which may take the kernel a moment to see. The id stands
/// at byte 40 of sector 16 (ECMA-119, 8.4.7); udev's links are not waited for, a minimal system has none.
constexpr const char* kMountDisc = R"sh(
set -u
label=$1 folder=$2
if grep -q " $folder iso9660 " /proc/mounts; then exit 0; fi
modprobe -q virtio_scsi; modprobe -q sr_mod; modprobe -q isofs
find_disc() {
  for disc in /dev/sr[0-9]*; do
    [ -b "$disc" ] || continue
    id=$(dd if="$disc" bs=1 skip=32808 count=32 2>/dev/null | tr -d ' \000')
    if [ "$id" = "$label" ]; then echo "$disc"; return 0; fi
  done
  return 1
}
n=0
until disc=$(find_disc); do
  n=$((n + 1))
  if [ "$n" -ge 60 ]; then echo "no disc '$label' appeared" >&2; exit 1; fi
  sleep 0.5
done
mkdir -p "$folder" && mount -t iso9660 -o ro "$disc" "$folder"
)sh";

/// FOLDER: whatever is mounted in it, or on folders of it.
constexpr const char* kUnmountDiscs = R"sh(
set -u
status=0
while read -r device place rest; do
  case $place in "$1"/*) umount "$place" || status=1; rmdir "$place" ;; esac
done </proc/mounts
exit $status
)sh";

constexpr const char* kDiscFolder = "/run/hlid/disc";

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// The API tells a machine that is off or silent by its own texts (PVE::QemuServer::Agent, QMPClient).
bool says_silent(const wire::ApiError& error) {
  return error.status() >= 595 || contains(error.message(), "is not running") ||
         contains(error.message(), "got timeout");
}

/// What the port promises: io when the machine does not answer.
template <typename F>
decltype(auto) asking(const std::string& name, F&& work) {
  try {
    return std::forward<F>(work)();
  } catch (const wire::ApiError& error) {
    if (!says_silent(error)) throw;
    throw Error(Errc::io, "the guest agent of '{}' does not answer: {}", name, error.message());
  }
}

std::vector<std::string> shell(const char* program, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv{"/bin/sh", "-c", program, "sh"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

void append(int fd, std::string_view bytes, const std::filesystem::path& file) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw system_error("cannot write '" + file.string() + "'");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

AgentGuest::AgentGuest(std::string name, pve::Session session, pve::VmRef vm, DiscShelf& shelf,
                       seconds boot_patience)
    : name_(std::move(name)),
      session_(std::move(session)),
      vm_(std::move(vm)),
      shelf_(shelf),
      boot_patience_(boot_patience) {}

cluster::Ran AgentGuest::run(std::string_view script, const std::vector<std::string>& arguments,
                             std::chrono::milliseconds timeout) {
  const bool plain = is_ascii(script);
  pve::ExecRequest request{shell(plain ? kRunInput : kRunEncodedInput, arguments),
                           plain ? std::string(script) : base64_encode(script), timeout};
  if (script.size() > kLongestScript || request.input.size() > kLongestInput)
    throw Error(Errc::usage, "a script of {} bytes is too long for a guest agent", script.size());
  auto result = asking(name_, [&] { return pve::guest_exec(session_, vm_, request); });
  return {result.status, std::move(result.output), std::move(result.error_output)};
}

std::string AgentGuest::run_own(std::string_view script, const std::vector<std::string>& arguments,
                                std::chrono::milliseconds timeout, const std::string& doing) {
  auto ran = run(script, arguments, timeout);
  if (ran.ok()) return std::move(ran.output);
  const auto said = std::string(trim(ran.error_output));
  throw Error(Errc::failed, "cannot {} on '{}': {}", doing, name_,
              said.empty() ? fmt::format("status {}", ran.status) : said);
}

std::optional<std::string> AgentGuest::read_file(const std::string& path) {
  return asking(name_, [&] { return pve::guest_read_file(session_, vm_, path); });
}

void AgentGuest::write_file(const std::string& path, const std::string& content, std::string_view mode) {
  if (content.size() > kLongestFile)
    throw Error(Errc::usage, "'{}': {} bytes are too many for a guest agent", path, content.size());
  const pve::ExecRequest request{shell(kWriteFile, {path, std::string(mode), std::to_string(content.size())}),
                                 base64_encode(content)};
  const auto result = asking(name_, [&] { return pve::guest_exec(session_, vm_, request); });
  if (!result.ok())
    throw Error(Errc::failed, "cannot write '{}' on '{}': {}", path, name_, trim(result.error_output));
}

/// Its sum is taken first: a file that changes meanwhile, or a piece that was lost, is noticed.
void AgentGuest::pull(const std::string& path, const std::filesystem::path& to) {
  const auto told = split_list(run_own(kDescribeFile, {path}, seconds(600), "read '" + path + "'"), " \n");
  if (told.size() != 2) throw Error(Errc::protocol, "cannot read '{}' on '{}'", path, name_);
  const auto size = std::stoll(told[0]);
  sys::make_folder(to.parent_path());
  const auto part = to.string() + ".part";
  sys::UniqueFd file(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) throw system_error("cannot create '" + part + "'");
  sys::Rollback rollback;
  rollback.on_failure([&] { ::unlink(part.c_str()); });
  for (std::int64_t at = 0; at < size; at += kPiece) {
    const auto piece =
        run_own(kReadPiece, {path, std::to_string(at / kPiece)}, seconds(120), "read '" + path + "'");
    append(file.get(), base64_decode(trim(piece)), part);
  }
  if (sys::sha256_file(part) != told[1])
    throw Error(Errc::io, "'{}' on '{}' changed while it was copied", path, name_);
  if (::fsync(file.get()) != 0 || ::rename(part.c_str(), to.c_str()) != 0)
    throw system_error("cannot write '" + to.string() + "'");
  rollback.commit();
}

std::string AgentGuest::insert_disc(const std::string& label,
                                    const std::map<std::string, std::filesystem::path>& files,
                                    const std::function<void(const std::string&)>& phase) {
  const auto disc = shelf_.provide(session_, vm_.node, label, files, phase);
  const auto folder = fmt::format("{}/{}", kDiscFolder, disc.label);
  phase("inserting the disc");
  shelf_.attach(session_, vm_, disc);
  run_own(kMountDisc, {disc.label, folder}, seconds(120), "mount the disc");
  return folder;
}

/// A machine that does not run has nothing mounted.
void AgentGuest::release_disc() {
  if (pve::vm_status(session_, vm_).running())
    run_own(kUnmountDiscs, {kDiscFolder}, seconds(60), "unmount the disc");
  shelf_.detach(session_, vm_);
}

void AgentGuest::cut_power() {
  if (pve::vm_status(session_, vm_).running()) pve::stop_vm(session_, vm_);
}

void AgentGuest::power_on() {
  if (!pve::vm_status(session_, vm_).running()) pve::start_vm(session_, vm_);
  const auto deadline = session_.clock().now() + boot_patience_;
  while (!pve::agent_ping(session_, vm_)) {
    if (session_.clock().now() >= deadline)
      throw Error(Errc::timeout, "the guest agent of '{}' did not answer within {} s", name_,
                  boot_patience_.count())
          .with_hint("hlid console " + name_);
    if (!session_.clock().sleep(std::chrono::milliseconds(500), session_.stop()))
      throw Error(Errc::interrupted, "stopped while waiting for '{}'", name_);
  }
}

}  // namespace hlid::drive
