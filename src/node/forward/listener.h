// A listening socket of the host.
#pragma once

#include "node/forward/rule.h"
#include "sys/unique_fd.h"

namespace hlid::node::forward {

/// Throws Error with a hint: conflict (another program has the port), denied (only root may have it),
/// precondition (the host has no such address), io.
sys::UniqueFd listen_on(const Endpoint& endpoint);

/// Where a socket really listens: the port that port 0 became.
Endpoint name_of(const sys::UniqueFd& socket);

}  // namespace hlid::node::forward
