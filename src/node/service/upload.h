// Uploaded files on their way into a storage.
#pragma once

#include "node/service/parts.h"
#include "node/service/verb.h"

namespace hlid::node::service {

/// POST …/upload: checks at once, the rest is the task `imgcopy`. Takes the call's file over.
Answer upload(Parts& parts, Call& call);

}  // namespace hlid::node::service
