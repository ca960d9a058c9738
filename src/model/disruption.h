#pragma once
#include <string_view>

namespace hlid::model {

/// What a change costs the machine, from nothing to everything.
enum class Disruption { none, live, reboot, replace, destroy };

std::string_view to_string(Disruption disruption);

}  // namespace hlid::model
