#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "base/units.h"

/// The little of the qcow2 format that must be fast: reading what an image says of itself, and making an
/// empty one or an overlay, without starting a program (QEMU, docs/interop/qcow2.txt).
namespace hlid::node::storage {

struct Qcow2Header {
  Bytes size;                  ///< what a machine sees
  std::string backing_file;    ///< as written in the image; empty: none
  bool external_data = false;  ///< its clusters are in another file
  int snapshots = 0;
};

/// nullopt when the file is not a qcow2 image (version 2 or 3) or its header makes no sense. Throws
/// Error(io).
std::optional<Qcow2Header> read_qcow2_header(const std::filesystem::path& file);

/// Whether what `image` has not got itself comes, over however many images, from `base`. False for an image
/// that is not qcow2 or cannot be read.
bool reads_from(const std::filesystem::path& image, const std::filesystem::path& base);

/// What a machine sees of an image of ours; of other formats than qcow2 the file's size.
Bytes image_size(const std::filesystem::path& file, const std::string& format);

/// A new version 3 image of 64 KiB clusters at `file`, which must not exist. With a backing file it reads
/// what that has (`backing_format` raw or qcow2), else zeroes. Throws Error(io).
void create_qcow2(const std::filesystem::path& file, Bytes size, const std::string& backing_file = {},
                  const std::string& backing_format = {});

}  // namespace hlid::node::storage
