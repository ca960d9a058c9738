#pragma once
#include <string>

#include "cluster/guest.h"
#include "model/node_marks.h"

namespace hlid::cluster {

/// Does `change` to Node `node`, by kubectl on `server`, a server that answers; records what is ours last, so
/// that an interruption leaves a difference which the next run finds. Throws Error(failed) with kubectl's
/// words; not_found when there is no such Node.
void apply_marks(Guest& server, const std::string& distribution, const std::string& node,
                 const model::MarkChange& change);

}  // namespace hlid::cluster
