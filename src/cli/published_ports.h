#pragma once
#include "base/json.h"
#include "model/homelab.h"
#include "model/observed.h"

/// The published ports of a lab as `hlid status` shows them: those of the file, then those that are still
/// open and not in it.
namespace hlid::cli {

/// One line a port; "" when there is none.
std::string published_table(const model::Homelab& lab, const model::Observed& there);
/// [{"listen":…,"port":…,"to":…,"state":…,…}]
json::array published_json(const model::Homelab& lab, const model::Observed& there);

}  // namespace hlid::cli
