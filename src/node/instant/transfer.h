// The devices' state between QEMU and a file. Through a unix socket on which QEMU listens or which we do:
// QEMU's own `exec:` would need a shell and fails in a process that has daemonised itself.
#pragma once

#include <filesystem>
#include <stop_token>

#include "node/qemu/qmp_client.h"

namespace hlid::sys {
class Clock;
}

namespace hlid::node::instant {

/// Stops the guest and keeps its state, without the shared memory (capability x-ignore-shared, QEMU
/// qapi/migration.json). `socket` is made and removed. Durable when it returns. Throws Error.
void save_state(qemu::QmpClient& qmp, sys::Clock& clock, const std::filesystem::path& socket,
                const std::filesystem::path& file);

/// Gives the state to a QEMU that was started with `-incoming defer`; the guest stands when it returns.
/// Throws Error when QEMU does not take it.
void load_state(qemu::QmpClient& qmp, sys::Clock& clock, const std::filesystem::path& socket,
                const std::filesystem::path& file);

}  // namespace hlid::node::instant
