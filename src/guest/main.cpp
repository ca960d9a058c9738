// hlid-guest: run by the node through the guest agent, inside a machine that has just been resumed from its
// template's memory. In that memory it waits already (`await`): to begin a program costs a third of a second
// on an emulated processor.
//
//   hlid-guest await /dev/sr0    wait for a word in kWakeFifo, then take the identity on that drive and join
//   the
//                                network. The word: "<seconds> <nanoseconds>\n" and raw entropy (at least 32
//                                bytes). Everything else is on the machine's own cloud-init drive.
//   hlid-guest open              write everything to the disk, then let people in: the SSH server with its
//   own
//                                keys, and what a session needs
//   hlid-guest serve             start all other services, and write everything to the disk
//   hlid-guest grow              grow the root file system to its disk
//   hlid-guest settle MIB        do what a boot does and nobody waits for, once the machine has that much
//   memory hlid-guest version

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "guest/files.h"
#include "guest/identity.h"
#include "guest/machine.h"
#include "guest/memory.h"
#include "guest/network.h"
#include "guest/services.h"
#include "guest/systemd.h"
#include "guest/warm_values.h"
#include "guest/word.h"

namespace {

using namespace hlid::guest;

int report(const std::vector<std::string>& failures) {
  for (const auto& failure : failures)
    if (!failure.empty()) std::fprintf(stderr, "hlid-guest: %s\n", failure.c_str());
  for (const auto& failure : failures)
    if (!failure.empty()) return 1;
  return 0;
}

/// The host's clock and entropy come first: nothing random may be made before.
std::vector<std::string> part_from_the_template(const std::string& input) {
  const auto end = input.find('\n');
  char* rest = nullptr;
  const long long seconds = std::strtoll(input.c_str(), &rest, 10);
  const long long nanoseconds = std::strtoll(rest, nullptr, 10);
  if (end == std::string::npos || seconds <= 0 || input.size() - end - 1 < 32)
    return {"no clock and entropy given"};
  return {reseed(input.substr(end + 1)), set_clock(seconds, nanoseconds)};
}

/// What a session by SSH needs: PAM asks logind for it, by D-Bus.
const std::vector<std::string> kForSessions = {"ssh.service", "dbus.service", "systemd-logind.service"};

/// These were stopped before the warm copy was: each reads its identity when it starts (the network daemon
/// the files of its device, journald the machine-id), or must not wake in all copies at once (the timers,
/// which hlid-wake.timer starts).
const std::vector<std::string> kServices = {"systemd-journald.socket",  "systemd-journald-dev-log.socket",
                                            "systemd-journald.service", "systemd-networkd.socket",
                                            "systemd-networkd.service", "hlid-wake.timer"};

/// Tells where the time went: the node puts it into its log.
class Watch {
 public:
  void lap(const char* what) {
    const auto now = std::chrono::steady_clock::now();
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now - last_).count();
    std::puts((std::string(what) + " " + std::to_string(took) + " ms").c_str());
    last_ = now;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

int become(const std::string& device) {
  auto failures = part_from_the_template(wait_for_word(warm::kWakeFifo));
  if (report(failures) != 0) return 1;
  Watch watch;
  std::string failure;
  const auto text = read_from_drive(device, "hlid-identity", failure);
  const auto identity = failure.empty() ? parse_identity(text, failure) : std::nullopt;
  if (!identity) return report({failure});
  watch.lap("drive");
  failures = write_identity("", *identity, random_bytes(512));
  failures.push_back(set_hostname(identity->hostname));
  failures.push_back(renew_fastopen_key());
  if (!identity->uuid.empty()) failures.push_back(note_uuid(identity->uuid));
  watch.lap("files");
  if (!identity->address.empty()) failures.push_back(join_network(*identity));
  watch.lap("network");
  return report(failures);
}

/// Before anybody can write to it, the disk is this machine's: a power cut from here on finds it, not the
/// copy.
int open_doors() {
  ::sync();
  std::vector<std::string> failures = {renew_ssh_server()};
  for (auto& one : thaw_services(kForSessions)) failures.push_back(std::move(one));
  return report(failures);
}

int serve() {
  Watch watch;
  auto failures = thaw_services();
  failures.push_back(show_uuid());
  for (auto& one : start_units(kServices)) failures.push_back(std::move(one));
  watch.lap("units");
  ::sync();
  watch.lap("sync");
  return report(failures);
}

/// What follows the memory's size, and the units that went with those that were stopped. They cost the guest
/// seconds, so they come when all that is waited for is there.
int settle(const char* mib) {
  constexpr const char* kWaitOnline = "systemd-networkd-wait-online.service";
  wait_for_memory(std::strtoll(mib, nullptr, 10));
  auto failures = adapt_to_memory();
  const std::string wanted = std::string("/etc/systemd/system/network-online.target.wants/") + kWaitOnline;
  if (::access(wanted.c_str(), F_OK) == 0)
    for (auto& one : start_units({kWaitOnline})) failures.push_back(std::move(one));
  return report(failures);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "await" && argc == 3) return become(argv[2]);
  if (verb == "open" && argc == 2) return open_doors();
  if (verb == "serve" && argc == 2) return serve();
  if (verb == "grow" && argc == 2) return report({grow_root()});
  if (verb == "settle" && argc == 3) return settle(argv[2]);
  if (verb == "version") return std::puts("4") < 0 ? 1 : 0;
  std::fputs("usage: hlid-guest await DEVICE | open | serve | grow | settle MIB | version\n", stderr);
  return 2;
}
