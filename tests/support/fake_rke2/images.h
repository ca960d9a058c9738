#pragma once
#include <string>
#include <vector>

#include "support/fake_rke2/layout.h"

/// The image archives in D/agent/images and the runtime that is unpacked from them.
namespace hlid::fake_rke2 {

/// Names (RepoTags of manifest.json) in one archive of `docker save`: .tar, .tar.gz or .tar.zst. Throws
/// Error(protocol) when it cannot be read.
std::vector<std::string> images_in(const fs::path& archive);

/// Unpacks the runtime of this version (D/data/<tag>-<12 hex>/{bin,charts}), points D/bin at it and removes
/// older ones. The image must be in an archive: there is no registry here, so without it the pull is tried
/// for a while and fails (fatal).
void unpack_runtime(const Layout& layout);

/// Imports every archive, as each start does; takes as long as the fault import_delay says (default 2 s),
/// nothing when .cache.json is there and says that all are known. Remembers the names in /run.
void import_images(const Layout& layout);

/// An image that a pod names is there; without registry and digest.
bool has_image(const std::string& name);
std::vector<std::string> imported_images();

}  // namespace hlid::fake_rke2
