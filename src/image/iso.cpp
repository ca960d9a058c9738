#include "image/iso.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <mutex>
#include <vector>

#define LIBISOFS_WITHOUT_LIBBURN
#include <libisofs/libisofs.h>

#include "base/error.h"
#include "base/text.h"
#include "sys/rollback.h"
#include "sys/unique_fd.h"

namespace hlid::image {
namespace {

constexpr std::time_t kRecordedTime = 946684800;  // 2000-01-01T00:00:00Z
constexpr std::size_t kSector = 2048;

void start_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    iso_init();
    // Its own messages go nowhere; errors come back as numbers.
    char queue[] = "NEVER", print[] = "NEVER", id[] = "";
    iso_set_msgs_severities(queue, print, id);
  });
}

int check(int result, const std::string& what) {
  if (result < 0) throw Error(Errc::io, "cannot {}: {}", what, iso_error_to_msg(result));
  return result;
}

struct ImageRelease {
  void operator()(IsoImage* image) const { iso_image_unref(image); }
};
using ImagePtr = std::unique_ptr<IsoImage, ImageRelease>;

struct OptionsRelease {
  void operator()(IsoWriteOpts* options) const { iso_write_opts_free(options); }
};
using OptionsPtr = std::unique_ptr<IsoWriteOpts, OptionsRelease>;

struct SourceRelease {
  void operator()(burn_source* source) const {
    source->free_data(source);
    ::free(source);  // NOLINT: allocated by libisofs with malloc
  }
};
using SourcePtr = std::unique_ptr<burn_source, SourceRelease>;

void set_attributes(IsoNode* node, mode_t mode) {
  iso_node_set_permissions(node, mode);
  iso_node_set_uid(node, 0);
  iso_node_set_gid(node, 0);
  iso_node_set_mtime(node, kRecordedTime);
  iso_node_set_atime(node, kRecordedTime);
  iso_node_set_ctime(node, kRecordedTime);
}

/// The folder `name` of `parent`, made when it is not there.
IsoDir* folder(IsoDir* parent, const std::string& name) {
  IsoNode* found = nullptr;
  if (iso_dir_get_node(parent, name.c_str(), &found) == 1) {
    if (iso_node_get_type(found) == LIBISO_DIR) return reinterpret_cast<IsoDir*>(found);
    throw Error(Errc::usage, "'{}' is a file and a folder of one disc", name);
  }
  IsoDir* made = nullptr;
  check(iso_tree_add_new_dir(parent, name.c_str(), &made), "add the folder '" + name + "'");
  set_attributes(reinterpret_cast<IsoNode*>(made), 0755);
  return made;
}

IsoStream* memory_stream(const std::string& content) {
  // libisofs frees the buffer, so it must be malloc's; it refuses an empty one, hence the spare byte.
  auto* copy = static_cast<unsigned char*>(::malloc(content.size() + 1));  // NOLINT
  if (copy == nullptr) throw Error(Errc::io, "no memory for a file of {} bytes", content.size());
  content.copy(reinterpret_cast<char*>(copy), content.size());
  IsoStream* stream = nullptr;
  const int result = iso_memory_stream_new(copy, content.size(), &stream);
  if (result < 0) ::free(copy);  // NOLINT
  check(result, "take the content of a file");
  return stream;
}

void add_file(IsoImage* image, const std::string& name, const IsoContent& content) {
  auto parts = split(name, '/');
  for (const auto& part : parts)
    if (part.empty() || part == "." || part == "..")
      throw Error(Errc::usage, "'{}' is not a name for a file on a disc", name);
  const auto leaf = parts.back();
  parts.pop_back();
  IsoDir* parent = iso_image_get_root(image);
  for (const auto& part : parts) parent = folder(parent, part);

  IsoNode* node = nullptr;
  if (const auto* bytes = std::get_if<std::string>(&content)) {
    IsoFile* file = nullptr;
    check(iso_tree_add_new_file(parent, leaf.c_str(), memory_stream(*bytes), &file), "add '" + name + "'");
    node = reinterpret_cast<IsoNode*>(file);
  } else {
    const auto& path = std::get<HostFile>(content).path;
    // stat follows links: a disc holds content, not links into the host.
    const auto real = std::filesystem::weakly_canonical(path).string();
    check(iso_tree_add_new_node(image, parent, leaf.c_str(), real.c_str(), &node),
          "read '" + path.string() + "' for the disc");
    if (iso_node_get_type(node) != LIBISO_FILE)
      throw Error(Errc::usage, "'{}' is not a regular file", path.string());
  }
  set_attributes(node, 0644);
}

ImagePtr make_tree(const std::string& volume_id, const std::map<std::string, IsoContent>& files) {
  IsoImage* raw = nullptr;
  check(iso_image_new(volume_id.c_str(), &raw), "start a disc");
  ImagePtr image(raw);
  set_attributes(reinterpret_cast<IsoNode*>(iso_image_get_root(raw)), 0755);
  for (const auto& [name, content] : files) add_file(raw, name, content);
  return image;
}

OptionsPtr make_options() {
  IsoWriteOpts* raw = nullptr;
  check(iso_write_opts_new(&raw, 0), "prepare a disc");
  OptionsPtr options(raw);
  iso_write_opts_set_iso_level(raw, 3);
  iso_write_opts_set_rockridge(raw, 1);
  iso_write_opts_set_joliet(raw, 0);
  iso_write_opts_set_allow_deep_paths(raw, 1);
  iso_write_opts_set_hardlinks(raw, 1);
  iso_write_opts_set_relaxed_vol_atts(raw, 1);  // "cidata" is lower case
  char uuid[] = "2000010100000000";
  iso_write_opts_set_pvd_times(raw, kRecordedTime, kRecordedTime, 0, kRecordedTime, uuid);
  return options;
}

void write_all(int fd, const unsigned char* bytes, std::size_t count) {
  while (count > 0) {
    const auto written = ::write(fd, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw system_error("cannot write the disc");
    bytes += written;
    count -= static_cast<std::size_t>(written);
  }
}

void copy_out(burn_source* source, int fd, std::stop_token stop) {
  std::vector<unsigned char> buffer(64 * kSector);
  for (bool more = true; more;) {
    std::size_t filled = 0;
    while (filled < buffer.size()) {
      const int got = source->read_xt != nullptr && source->read == nullptr
                          ? source->read_xt(source, buffer.data() + filled, static_cast<int>(kSector))
                          : source->read(source, buffer.data() + filled, static_cast<int>(kSector));
      if (got < 0) throw Error(Errc::io, "cannot read what the disc shall hold");
      if (got == 0) more = false;
      if (got == 0) break;
      filled += static_cast<std::size_t>(got);
    }
    write_all(fd, buffer.data(), filled);
    if (stop.stop_requested()) {
      source->cancel(source);
      throw Error(Errc::interrupted, "interrupted");
    }
  }
}

}  // namespace

void write_iso(const std::filesystem::path& path, const std::string& volume_id,
               const std::map<std::string, IsoContent>& files, std::stop_token stop) {
  if (volume_id.empty() || volume_id.size() > 32)
    throw Error(Errc::usage, "'{}' is not a name for a disc: 1 to 32 bytes", volume_id);
  start_library();
  const auto tree = make_tree(volume_id, files);
  const auto options = make_options();

  const auto temporary = path.string() + ".new";
  sys::Rollback rollback;
  sys::UniqueFd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) throw system_error("cannot create '" + temporary + "'");
  rollback.on_failure([&] { ::unlink(temporary.c_str()); });

  burn_source* raw = nullptr;
  check(iso_image_create_burn_source(tree.get(), options.get(), &raw), "lay out the disc");
  const SourcePtr source(raw);
  copy_out(raw, file.get(), stop);
  if (::fsync(file.get()) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0)
    throw system_error("cannot write '" + path.string() + "'");
  rollback.commit();
}

}  // namespace hlid::image
