#include "support/fake_rke2/images.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "support/fake_rke2/faults.h"
#include "support/fake_rke2/journal.h"
#include "support/fake_rke2/release.h"
#include "sys/files.h"
#include "sys/hash.h"

namespace hlid::fake_rke2 {
namespace {

const fs::path kImported = kRunFolder / "imported-images";

bool is_archive(const fs::path& path) {
  const auto name = path.filename().string();
  return name.ends_with(".tar") || name.ends_with(".tar.gz") || name.ends_with(".tar.zst");
}

std::vector<fs::path> archives(const Layout& layout) {
  std::vector<fs::path> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(layout.images(), none))
    if (entry.is_regular_file() && is_archive(entry.path())) out.push_back(entry.path());
  std::ranges::sort(out);
  return out;
}

/// "docker.io/rancher/x:1" and "index.docker.io/rancher/x:1" are "rancher/x:1".
std::string short_name(std::string name) {
  for (const std::string_view registry : {"index.docker.io/", "docker.io/"})
    if (name.starts_with(registry)) name.erase(0, registry.size());
  return name.substr(0, name.find('@'));
}

std::string runtime_image() {
  return "rancher/rke2-runtime:" + image_tag();
}

void find_runtime(const Layout& layout) {
  for (const auto& archive : archives(layout)) {
    try {
      for (const auto& image : images_in(archive))
        if (short_name(image) == runtime_image()) return;
    } catch (const Error& problem) {
      journal::warning("Failed to read image archive {}: {}", archive.string(), problem.message());
    }
  }
  journal::info("Pulling runtime image index.docker.io/{}", runtime_image());
  std::this_thread::sleep_for(std::chrono::seconds(faults::number("pull_delay", 20)));
  journal::fatal(
      "preparing runtime: failed to get runtime image index.docker.io/{0}: Get "
      "\"https://index.docker.io/v2/\": dial "
      "tcp: lookup index.docker.io: no such host",
      runtime_image());
}

void lay_out_programs(const fs::path& bin) {
  sys::make_folder(bin);
  fs::copy_file("/proc/self/exe", bin / "containerd-shim-fake", fs::copy_options::overwrite_existing);
  ::chmod((bin / "containerd-shim-fake").c_str(), 0755);
  for (const char* name : {"kubectl", "crictl", "ctr", "kube-apiserver", "kube-vip"}) {
    fs::remove(bin / name);
    fs::create_hard_link(bin / "containerd-shim-fake", bin / name);
  }
}

json::object known_archives(const Layout& layout) {
  json::object out;
  for (const auto& archive : archives(layout)) {
    struct stat facts {};
    ::stat(archive.c_str(), &facts);
    out[archive.string()] = json::object{{"size", facts.st_size}, {"mtime", facts.st_mtime}};
  }
  return out;
}

/// The cache file opts in by being there; it counts once it has what is there now.
bool all_known(const Layout& layout, const json::object& now) {
  const auto text = sys::read_file_if_exists(layout.images() / ".cache.json");
  if (!text || text->empty()) return false;
  try {
    return parse_json(*text) == json::value(now);
  } catch (const Error&) {
    return false;
  }
}

std::string import_all(const Layout& layout) {
  std::string names;
  for (const auto& archive : archives(layout)) {
    journal::info("Importing images from {}", archive.string());
    try {
      for (const auto& image : images_in(archive)) names += short_name(image) + "\n";
      journal::info("Imported images from {} in 1s", archive.string());
    } catch (const Error& problem) {
      journal::error("Failed to import images from {}: {}", archive.string(), problem.message());
    }
  }
  return names;
}

}  // namespace

void unpack_runtime(const Layout& layout) {
  const auto name = image_tag() + "-" + sys::sha256_hex(version()).substr(0, 12);
  const auto folder = layout.data / "data" / name;
  if (!fs::exists(folder / ".extracted")) {
    find_runtime(layout);
    journal::info("Extracting runtime image to {}", folder.string());
    lay_out_programs(folder / "bin");
    sys::make_folder(folder / "charts");
    sys::write_durable(folder / ".extracted", "");
  }
  std::error_code none;
  const auto link = layout.data / "bin.new";
  fs::remove(link, none);
  fs::create_symlink(folder / "bin", link);
  fs::rename(link, layout.bin());
  for (const auto& entry : fs::directory_iterator(layout.data / "data", none))
    if (entry.path() != folder) fs::remove_all(entry.path(), none);
}

void import_images(const Layout& layout) {
  sys::make_folder(kRunFolder);
  const auto now = known_archives(layout);
  const bool known = all_known(layout, now) && fs::exists(layout.agent() / "containerd/images");
  const auto store = layout.agent() / "containerd/images";
  if (!known) {
    sys::make_folder(store.parent_path());
    sys::write_durable(store, import_all(layout));
    std::this_thread::sleep_for(std::chrono::seconds(faults::number("import_delay", 2)));
    if (fs::exists(layout.images() / ".cache.json"))
      sys::write_durable(layout.images() / ".cache.json", to_text(now));
  }
  sys::write_durable(kImported, sys::read_file(store));
}

std::vector<std::string> imported_images() {
  return split_list(sys::read_file_if_exists(kImported).value_or(""), "\n");
}

bool has_image(const std::string& name) {
  return std::ranges::count(imported_images(), short_name(name)) > 0;
}

}  // namespace hlid::fake_rke2
