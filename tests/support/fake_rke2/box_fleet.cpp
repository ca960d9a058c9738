#include "support/fake_rke2/box_fleet.h"

#include "base/error.h"
#include "sys/files.h"

namespace hlid::test {
namespace {

/// What a machine that is off or whose agent does not answer does to a caller.
void demand_answer(const sys::ProcessResult& result, const std::string& name) {
  if (result.ending == sys::Ending::timed_out)
    throw Error(Errc::timeout, "'{}' did not answer in time", name);
  if (result.ending == sys::Ending::not_started)
    throw Error(Errc::io, "the agent of '{}' does not answer", name);
}

constexpr const char* kDisc = "/run/disc";

}  // namespace

cluster::Ran BoxGuest::run(std::string_view script, const std::vector<std::string>& arguments,
                           std::chrono::milliseconds timeout) {
  const auto result = box_.sh(std::string(script), arguments, timeout);
  demand_answer(result, name());
  const int status = result.ending == sys::Ending::signalled ? 128 + result.status : result.status;
  return {status, result.output, result.error_output};
}

sys::ProcessResult BoxGuest::checked(const std::vector<std::string>& argv, const std::string& input) {
  auto result = box_.run(argv, std::chrono::seconds(60), input);
  demand_answer(result, name());
  if (!result.ok()) throw Error(Errc::io, "'{}': {}", name(), result.describe());
  return result;
}

std::optional<std::string> BoxGuest::read_file(const std::string& path) {
  const auto result = box_.run({"cat", path});
  demand_answer(result, name());
  if (!result.ok()) return std::nullopt;
  return result.output;
}

void BoxGuest::write_file(const std::string& path, const std::string& content, std::string_view mode) {
  checked(
      {"sh", "-c",
       R"(set -e; umask 077; mkdir -p -m 755 "${1%/*}"; cat >"$1.new"; chmod "$2" "$1.new"; mv "$1.new" "$1")",
       "sh", path, std::string(mode)},
      content);
}

void BoxGuest::pull(const std::string& path, const std::filesystem::path& to) {
  sys::write_durable(to, checked({"cat", path}).output, 0600);
}

std::string BoxGuest::insert_disc(const std::string&,
                                  const std::map<std::string, std::filesystem::path>& files,
                                  const std::function<void(const std::string&)>& phase) {
  release_disc();
  checked({"sh", "-c", "mkdir -p \"$1\" && mount -t tmpfs -o mode=755 disc \"$1\"", "sh", kDisc});
  for (const auto& [file, path] : files) {
    if (phase) phase("copying " + file);
    checked({"sh", "-c", "cat >\"$1\"", "sh", std::string(kDisc) + "/" + file}, sys::read_file(path));
  }
  checked({"mount", "-o", "remount,ro", kDisc});
  return kDisc;
}

void BoxGuest::release_disc() {
  const auto result = box_.run({"sh", "-c", "mountpoint -q \"$1\" && umount \"$1\"; true", "sh", kDisc});
  demand_answer(result, name());
}

std::unique_ptr<cluster::Guest> BoxFleet::guest(const std::string& machine) {
  const auto found = boxes_.find(machine);
  if (found == boxes_.end()) throw Error(Errc::not_found, "machine '{}' does not exist", machine);
  return std::make_unique<BoxGuest>(*found->second);
}

bool BoxFleet::runs(const std::string& machine) {
  const auto found = boxes_.find(machine);
  return found != boxes_.end() && found->second->runs();
}

}  // namespace hlid::test
