#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "node/storage/qcow2.h"
#include "node/storage/storage.h"
#include "sys/unique_fd.h"
#include "wire/api_error.h"

namespace hlid::node::storage {
namespace {

std::string read_start(const std::filesystem::path& file, std::size_t count) {
  const sys::UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw system_error("cannot open '" + file.string() + "'");
  std::string bytes(count, '\0');
  const auto got = ::pread(fd.get(), bytes.data(), count, 0);
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return bytes;
}

wire::ApiError wrong_format(const std::filesystem::path& file, const std::string& format) {
  return wire::failure(
      fmt::format("qemu-img: Could not open '{}': Image is not in {} format", file.string(), format));
}

wire::ApiError not_alone(const std::filesystem::path& file) {
  return wire::failure(fmt::format(
      "image '{}' refers to other files, which is not allowed for untrusted images", file.string()));
}

void check_qcow2(const std::filesystem::path& file) {
  const auto header = read_qcow2_header(file);
  if (!header) throw wrong_format(file, "qcow2");
  if (header->external_data || !header->backing_file.empty()) throw not_alone(file);
}

/// Only sparse extents with everything in one file: a text descriptor, and a capacity of zero that says that
/// an embedded one counts, name other files (VMware Virtual Disk Format 5.0, hosted sparse extent header). So
/// does a parent in the embedded descriptor.
void check_vmdk(const std::filesystem::path& file) {
  const auto start = read_start(file, 64U << 10);
  if (start.size() < 512 || start.rfind("KDMV", 0) != 0) throw wrong_format(file, "vmdk");
  const bool has_capacity = start.substr(12, 8) != std::string(8, '\0');
  const auto parent = start.find("parentFileNameHint");
  if (!has_capacity || parent != std::string::npos) throw not_alone(file);
}

}  // namespace

void check_foreign_image(const std::filesystem::path& file, const std::string& format) {
  if (format == "qcow2") check_qcow2(file);
  if (format == "vmdk") check_vmdk(file);
}

}  // namespace hlid::node::storage
