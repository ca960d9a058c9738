#pragma once
#include <string>

#include "drive/readiness.h"
#include "pve/vms.h"

namespace hlid::drive {

/// The last lines that tell why a machine is not ready, indented by "  | "; asks the guest where its agent
/// answers. Never throws: no evidence is "".
std::string evidence_of(const pve::Session& session, const pve::VmRef& vm, Link broken,
                        const ReadinessWatch& watch);

/// The last `count` lines of a text, without terminal control sequences.
std::string last_lines(const std::string& text, std::size_t count);

}  // namespace hlid::drive
