#pragma once
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "base/units.h"
#include "sys/process.h"

/// Disk images, discs and boot loaders, made with the system's own tools; nothing here knows machines,
/// templates or Proxmox.
namespace hlid::image {

struct ImageInfo {
  std::string format;        ///< raw, qcow2, …
  Bytes virtual_size;        ///< what the machine sees
  Bytes actual_size;         ///< taken on the host
  std::string backing_file;  ///< full path; empty: none
};

/// qemu-img(1) as functions. All throw Error(failed) with qemu-img's own text, and Error(precondition) when
/// it is not installed. None takes locks on images that run (`info` and `convert` read with -U).
class QemuImg {
 public:
  explicit QemuImg(sys::ProcessRunner& runner) : runner_(runner) {}

  ImageInfo info(const std::filesystem::path& image) const;
  void create(const std::filesystem::path& image, const std::string& format, Bytes size) const;
  /// A qcow2 that reads `base` where it has nothing of its own. `size` defaults to the base's.
  void create_overlay(const std::filesystem::path& image, const std::filesystem::path& base,
                      const std::string& base_format, std::optional<Bytes> size = {}) const;
  /// Copies the content, zeroes left out. Throws Error(interrupted) on a stop request; what was written
  /// stays.
  void convert(const std::filesystem::path& from, const std::string& from_format,
               const std::filesystem::path& to, const std::string& to_format,
               std::stop_token stop = {}) const;
  void resize(const std::filesystem::path& image, const std::string& format, Bytes size) const;
  /// Whether both hold the same content byte by byte (what only one has must be zero).
  bool equal(const std::filesystem::path& one, const std::string& one_format,
             const std::filesystem::path& other, const std::string& other_format,
             std::stop_token stop = {}) const;

 private:
  sys::ProcessRunner& runner_;
};

}  // namespace hlid::image
