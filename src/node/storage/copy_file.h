#pragma once
#include <filesystem>
#include <stop_token>

#include "node/storage/storage.h"

namespace hlid::node::storage {

/// Makes `to`, which must not exist, a copy of the file `from`: sharing its blocks where the file system can
/// (FICLONE), else copying what is allocated and leaving holes. Throws Error: io, interrupted; `to` may be
/// left.
void copy_sparse(const std::filesystem::path& from, const std::filesystem::path& to,
                 const CopyProgress& progress, std::stop_token stop);

}  // namespace hlid::node::storage
