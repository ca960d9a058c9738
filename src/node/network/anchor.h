// The process that keeps the realm's namespaces alive for others to join; see holder.h.
#pragma once

#include <cstdint>
#include <optional>

#include "node/network/realm_state.h"
#include "sys/namespaces.h"

namespace hlid::node::network {

/// What `lo` in the realm `id` is called besides its name.
std::string realm_mark(const std::string& id);

/// Forks an anchor into `existing`, or into namespaces of its own when there are none. Returns once it
/// stands. Throws Error(precondition) with a hint when the system does not allow namespaces.
sys::ProcessId start_anchor(const sys::Namespaces* existing, bool user_namespace);

/// The namespaces of an earlier realm, as long as anybody lives there: its anchor, else a process in a
/// network namespace with the same number whose `lo` carries the realm's mark.
std::optional<sys::Namespaces> find_namespaces(const RealmState& earlier);

}  // namespace hlid::node::network
