#include "template/builder.h"

#include "base/error.h"
#include "base/log.h"
#include "image/qemu_img.h"
#include "sys/files.h"
#include "sys/hash.h"
#include "template/assemble.h"
#include "template/guest_program.h"
#include "template/root_folder.h"
#include "template/sandbox.h"
#include "template/verify.h"

namespace hlid::templates {
namespace {

namespace fs = std::filesystem;

void remove_folder(sys::ProcessRunner& runner, const Sandbox& sandbox, const fs::path& path) {
  if (!fs::exists(path)) return;
  const auto result = runner.run({.argv = sandbox.inside({"rm", "-rf", "--one-file-system", path.string()})});
  if (!result.ok()) log::debug("cannot remove '{}': {}", path.string(), result.describe());
}

/// The folder of one build: root/ early/ disk.raw, and entry/ which becomes the cache's. Files in root/
/// belong to the image's users, so it is removed from inside the sandbox.
class WorkFolder {
 public:
  WorkFolder(sys::ProcessRunner& runner, const Sandbox& sandbox, fs::path path)
      : runner_(runner), sandbox_(sandbox), path_(std::move(path)) {
    remove();  // what a build of the same that was killed left
    sys::make_folder(path_, 0700);
    for (const auto* part : {"root", "early", "entry"}) sys::make_folder(path_ / part, 0755);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  ~WorkFolder() { remove(); }

  fs::path root() const { return path_ / "root"; }
  fs::path early() const { return path_ / "early"; }
  fs::path raw_disk() const { return path_ / "disk.raw"; }
  fs::path entry() const { return path_ / "entry"; }
  const fs::path& path() const { return path_; }

 private:
  void remove() const { remove_folder(runner_, sandbox_, path_); }

  sys::ProcessRunner& runner_;
  const Sandbox& sandbox_;
  fs::path path_;
};

void stop_here(const std::stop_token& stop) {
  if (stop.stop_requested()) throw Error(Errc::interrupted, "interrupted");
}

/// "6.8.0-151-generic" of the link vmlinuz.
std::string kernel_version(const fs::path& root, const Release& release) {
  std::error_code none;
  const auto target =
      fs::read_symlink(root / fs::path(release.boot_prefix).relative_path() / "vmlinuz", none);
  const auto name = target.filename().string();
  return name.starts_with("vmlinuz-") ? name.substr(8) : "";
}

}  // namespace

Builder::Builder(sys::ProcessRunner& runner, fs::path cache, sys::Clock& clock)
    : runner_(runner), clock_(clock), cache_(std::move(cache)) {}

Builder::Builder(sys::ProcessRunner& runner, fs::path cache)
    : runner_(runner), clock_(system_clock_), cache_(std::move(cache)) {}

Built Builder::build(const BuildRequest& request, const std::function<void(const std::string&)>& progress,
                     std::stop_token stop) {
  check_request(request);
  const auto key = content_key(request);
  const auto built = [&](const CacheEntry& entry, bool from_cache) {
    return Built{entry.disk, entry.format, key, from_cache, entry.virtual_size};
  };
  if (const auto found = cache_.find(key)) return built(*found, true);
  const auto lock = cache_.lock(
      key, clock_, [&] { progress("another build of it is running"); }, stop);
  if (const auto found = cache_.find(key)) return built(*found, true);
  return with_context("template '" + request.image.name + "'", [&] {
    const bool ready = !request.image.image_file.empty();
    return built(ready ? take(request, key, progress, stop) : make(request, key, progress, stop), false);
  });
}

CacheEntry Builder::take(const BuildRequest& request, const std::string& key,
                         const std::function<void(const std::string&)>& progress, std::stop_token stop) {
  const auto sandbox = Sandbox::none();
  const WorkFolder work(runner_, sandbox, cache_.work_folder(key));
  progress("packing the disk");
  const image::QemuImg tool(runner_);
  const fs::path source = request.image.image_file;
  const auto info = tool.info(source);
  if (info.format != "raw" && info.format != "qcow2")
    throw Error(Errc::spec, "'{}' is a {} image; raw and qcow2 are taken", source.string(), info.format);
  if (!info.backing_file.empty())
    throw Error(Errc::spec, "'{}' is only an overlay of '{}'", source.string(), info.backing_file)
        .with_hint("make it whole: qemu-img convert -O qcow2");
  const auto disk = work.entry() / "disk.qcow2";
  tool.convert(source, info.format, disk, "qcow2", stop);
  return cache_.publish(work.entry(), {.key = key,
                                       .disk = disk,
                                       .format = "qcow2",
                                       .os = source.filename().string(),
                                       .sha256 = sys::sha256_file(disk),
                                       .file_size = {static_cast<std::int64_t>(fs::file_size(disk))},
                                       .virtual_size = info.virtual_size,
                                       .built_at = clock_.unix_seconds()});
}

std::vector<CacheEntry> Builder::prune(const std::set<std::string>& keep) {
  for (const auto& folder : cache_.leftovers()) remove_folder(runner_, Sandbox::for_self(), folder);
  return cache_.prune(keep);
}

CacheEntry Builder::make(const BuildRequest& request, const std::string& key,
                         const std::function<void(const std::string&)>& progress, std::stop_token stop) {
  const auto& release = find_release(request.image.os);
  const auto layout = layout_of(request.image.disk);
  const auto ids = disk_ids(key);
  const auto sandbox = Sandbox::for_self();
  for (const auto& folder : cache_.leftovers()) remove_folder(runner_, sandbox, folder);
  const WorkFolder work(runner_, sandbox, cache_.work_folder(key));

  const auto early = early_files(release);
  write_files(work.early(), early);
  make_root(
      runner_, sandbox, request, release, work.root(), early.empty() ? fs::path() : work.early(),
      [&](const std::string& text) { progress("packages: " + text); }, stop);

  progress("configuring");
  write_files(work.root(), configuration_files(request, release, ids));
  if (const auto guest_program = guest_program_file()) write_files(work.root(), {*guest_program});
  configure_root(runner_, sandbox, request, release, work.root(), stop);
  progress("sealing");
  seal_root(work.root());
  const auto packages = installed_packages(sys::read_file(work.root() / "var/lib/dpkg/status"));

  progress("making the disk");
  assemble_disk(runner_, sandbox, work.root(), work.raw_disk(), layout, ids, work.path(), stop);
  progress("reading the disk back");
  verify_disk(runner_, work.raw_disk(), layout, request, release, ids);
  stop_here(stop);

  progress("packing the disk");
  const image::QemuImg tool(runner_);
  const auto disk = work.entry() / "disk.qcow2";
  tool.convert(work.raw_disk(), "raw", disk, "qcow2", stop);
  // What was verified is the raw disk; this makes it true of what is handed out.
  if (!tool.equal(work.raw_disk(), "raw", disk, "qcow2", stop))
    throw Error(Errc::failed, "the packed disk differs from the one that was checked");
  return cache_.publish(work.entry(), {.key = key,
                                       .disk = disk,
                                       .format = "qcow2",
                                       .os = request.image.os,
                                       .kernel = kernel_version(work.root(), release),
                                       .sha256 = sys::sha256_file(disk),
                                       .file_size = {static_cast<std::int64_t>(fs::file_size(disk))},
                                       .virtual_size = layout.size,
                                       .built_at = clock_.unix_seconds(),
                                       .package_count = static_cast<int>(packages.size())});
}

}  // namespace hlid::templates
