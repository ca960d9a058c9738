// What a warm copy and a machine resumed from it look like to QEMU: pure functions of the machine's
// configuration, and the key that says which machines may share one copy.
//
// A migration stream fits only the very hardware it was taken from (QEMU docs/devel/migration.rst), so both
// command lines are made from the same configuration by the same function and differ only in files,
// identities and the sharing of the memory. The machine's cards are the exception: the copy's is unplugged
// before the memory is kept, so the stream has no state for any. A resumed machine's own are in their slots
// from the beginning, but its kernel looks for them only when the machine has become itself.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "node/qemu/command_line.h"
#include "node/qemu/plug.h"

namespace hlid::node::instant {

using config::Section;

/// The memory of every warm copy; a machine with more gets the rest as a module that is plugged in.
inline constexpr long long kWarmMib = 1024;
/// The largest machine (MiB): what the memory slots' address range is laid out for.
inline constexpr long long kMostMib = 524288;

/// Why a machine of this configuration has to boot, for people ("its firmware is OVMF"); empty when it may be
/// resumed. Options that are not known to be harmless are such a reason too.
std::string obstacle(const Section& values);

/// The disk with the machine's system: the only drive with content. Only when there is no obstacle.
qemu::Drive system_disk(const Section& values);

/// The copy's configuration: same hardware, but the copy's own name, identities and card, kWarmMib of memory
/// and guest::warm values for cloud-init.
Section warm_values(const Section& values);

/// The command line of a warm copy. `values` are warm_values(); `memory` becomes the copy's memory.
std::vector<std::string> warm_command(const Section& values, const qemu::HostFacts& facts,
                                      const qemu::Places& places, const std::string& memory);

/// The command line that waits for a copy's state: of the machine itself, with the copy's memory mapped
/// privately.
std::vector<std::string> resumed_command(Vmid vmid, const Section& values, const qemu::HostFacts& facts,
                                         const qemu::Places& places, const std::string& memory);

/// The file that a template's disk is, as far as a copy depends on it.
struct BaseFile {
  std::string path;
  std::string format;
  std::int64_t size = 0;  ///< of the file
  std::int64_t mtime_ns = 0;
  std::uint64_t inode = 0;
};
/// One line that changes when the file does.
std::string identity_of(const BaseFile& base);
/// Throws Error(io) when it is not there.
BaseFile look_at_base(const std::string& path, const std::string& format);

/// The files of a cloud-init drive, by name.
using Files = std::map<std::string, std::string>;

/// 32 hexadecimal digits over all that makes one copy differ from another: the template's disk, QEMU's
/// version, the copy's command line (machine, processor, accelerator, devices) and its cloud-init files.
std::string warm_key(const Section& warm, const qemu::HostFacts& facts, const BaseFile& base,
                     const Files& seed);

/// What every template that can be resumed has (module guest).
inline constexpr const char* kGuestProgram = "/usr/lib/hlid/hlid-guest";
inline constexpr const char* kSeedDevice = "/dev/sr0";  ///< of the only CD drive

/// The device that memory_commands() plug in.
inline constexpr const char* kMemoryDevice = "dimm0";
/// What plugs in the memory beyond kWarmMib; empty when there is none.
std::vector<qemu::QmpCommand> memory_commands(const Section& values);

}  // namespace hlid::node::instant
