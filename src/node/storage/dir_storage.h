#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "image/qemu_img.h"
#include "node/storage/dir_names.h"
#include "node/storage/storage.h"

namespace hlid::node::storage {

/// What a dir section of storage.cfg says.
struct DirOptions {
  std::string id;
  std::filesystem::path path;
  std::set<std::string> content;
  bool enabled = true;
  bool operator==(const DirOptions&) const = default;
};

/// What outlives a change of the section: which names are being built, and the lock for their choice.
struct DirState {
  std::mutex mutex;
  std::set<std::filesystem::path> building;  ///< final paths
};

/// Volumes as files in a directory, named and laid out as Proxmox's dir storage does.
class DirStorage : public Storage {
 public:
  DirStorage(DirOptions options, std::shared_ptr<DirState> state, sys::ProcessRunner& runner);

  const DirOptions& options() const { return options_; }
  const std::string& id() const override { return options_.id; }
  const std::string& type() const override;
  const std::filesystem::path& path() const override { return options_.path; }
  const std::set<std::string>& content() const override { return options_.content; }
  bool enabled() const override { return options_.enabled; }
  std::string default_format() const override { return "raw"; }
  bool supports_format(const std::string& format) const override;
  StorageStatus status() const override;

  wire::VolumeId allocate(Vmid vmid, const std::string& format, Bytes size, const std::string& name) override;
  bool remove(const wire::VolumeId& volume) override;
  std::filesystem::path path_of(const wire::VolumeId& volume) const override;
  std::string format_of(const wire::VolumeId& volume) const override;
  bool exists(const wire::VolumeId& volume) const override;
  VolumeInfo info(const wire::VolumeId& volume) const override;
  std::vector<VolumeInfo> list(const std::string& kind, std::optional<Vmid> vmid) const override;

  bool is_base(const wire::VolumeId& volume) const override;
  wire::VolumeId make_base(const wire::VolumeId& volume) override;
  wire::VolumeId clone_linked(const wire::VolumeId& base, Vmid vmid, const std::string& name) override;
  wire::VolumeId clone_over(const CopySource& base, Vmid vmid) override;
  void renew_over(const wire::VolumeId& volume, const CopySource& base, Bytes size) override;
  wire::VolumeId clone_full(const CopySource& source, Vmid vmid, const std::string& format,
                            const CopyProgress& progress, std::stop_token stop,
                            const std::string& name) override;
  wire::VolumeId import_image(const std::filesystem::path& file, const std::string& format, Vmid vmid,
                              const std::string& to_format, const CopyProgress& progress,
                              std::stop_token stop, const std::string& name) override;
  void resize(const wire::VolumeId& volume, Bytes size) override;

  wire::VolumeId store_file(const std::string& kind, const std::string& name,
                            const std::filesystem::path& file) override;
  void set_notes(const wire::VolumeId& volume, const std::string& notes) override;
  void set_protected(const wire::VolumeId& volume, bool on) override;

  /// Removes what a killed daemon left half built. Only before anything is built.
  void sweep() const;

 private:
  using Build = std::function<void(const std::filesystem::path& temporary)>;
  DirName name_of(const wire::VolumeId& volume) const;
  /// Reserves a name, lets `build` make the file under a temporary one, and renames it.
  wire::VolumeId build_image(Vmid vmid, const std::string& format, const std::string& name,
                             const std::string& base, const Build& build);
  DirName reserve(Vmid vmid, const std::string& format, const std::string& name, const std::string& base);
  std::string free_disk_name(Vmid vmid, const std::string& format) const;
  void copy_image(const CopySource& source, const std::string& format, const std::filesystem::path& to,
                  const CopyProgress& progress, std::stop_token stop) const;
  void drop_empty_folder(const std::filesystem::path& folder) const;
  bool has_linked_clones(const DirName& base) const;
  VolumeInfo describe(const DirName& name) const;

  DirOptions options_;
  std::shared_ptr<DirState> state_;
  image::QemuImg qemu_img_;
};

}  // namespace hlid::node::storage
