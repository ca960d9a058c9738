// What to tell a running QEMU so that it gains or loses a device: pure, from the same functions that make its
// command line, so that a plugged device sits where it will sit after the next start.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "node/qemu/command_line.h"

namespace hlid::node::qemu {

struct QmpCommand {
  std::string name;
  json::object arguments;
};

/// The commands that add what `after` has and `before` lacks: objects, controllers, drives, cards, in their
/// order. nullopt when the two differ in anything that cannot be plugged. Taps must be there before they are
/// executed.
std::optional<std::vector<QmpCommand>> plug_commands(Vmid vmid, const config::Section& before,
                                                     const config::Section& after, const HostFacts& facts,
                                                     const Places& places);

/// What is left to take back once the device `key` (virtio1, scsi3, net1) has gone; each may fail, since what
/// came with the command line goes by itself.
std::vector<QmpCommand> cleanup_commands(std::string_view key);

/// "virtio-blk-pci,drive=a,bootindex=100" as typed members, the bare first word being `first`.
json::object typed_arguments(std::string_view text, std::string_view first);

}  // namespace hlid::node::qemu
