#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/units.h"
#include "wire/volume_id.h"

/// Where volumes live: one interface over the backends. It knows nothing of VM configurations; who may delete
/// what a machine still uses is the caller's question.
namespace hlid::node::storage {

/// A volume as content lists and machine configurations see it.
struct VolumeInfo {
  wire::VolumeId id;
  std::string content;  ///< images, iso, vztmpl, import, backup, snippets
  std::string format;   ///< raw, qcow2, vmdk; in lists also iso, tgz, vma.zst … as Proxmox names them
  Bytes size;           ///< what a machine sees
  Bytes used;           ///< taken on disk
  std::optional<std::string> parent;  ///< the backing file as the image names it
  std::optional<Vmid> vmid;
  std::int64_t ctime = 0;
  std::string notes;
  bool is_protected = false;
};

struct StorageStatus {
  Bytes total;
  Bytes used;
  Bytes available;
  bool active = true;
};

/// How a copy goes: bytes done of total; called from the copying thread, a few times a second at most.
using CopyProgress = std::function<void(Bytes done, Bytes total)>;

/// An image file to copy from. `trusted` ones (our own volumes) may have backing files.
struct CopySource {
  std::filesystem::path path;
  std::string format;
  bool trusted = true;
};

/// One storage. Thread-safe. Every change is built under a temporary name and renamed, so that a kill leaves
/// nothing half. All calls throw wire::ApiError with Proxmox's texts; a stop request is Error(interrupted).
class Storage {
 public:
  virtual ~Storage() = default;
  virtual const std::string& id() const = 0;
  virtual const std::string& type() const = 0;  ///< "dir"
  virtual const std::filesystem::path& path() const = 0;
  virtual const std::set<std::string>& content() const = 0;  ///< images, iso, …
  virtual bool enabled() const = 0;
  virtual std::string default_format() const = 0;  ///< raw
  virtual bool supports_format(const std::string& format) const = 0;
  virtual StorageStatus status() const = 0;
  bool holds(const std::string& kind) const { return content().count(kind) != 0; }

  /// A new empty volume; `name` ("vm-100-cloudinit.qcow2") empty: the lowest free vm-ID-disk-N.FORMAT.
  virtual wire::VolumeId allocate(Vmid vmid, const std::string& format, Bytes size,
                                  const std::string& name = {}) = 0;
  /// Refused for a base with linked clones and for protected volumes. false: it was not there (no error).
  virtual bool remove(const wire::VolumeId& volume) = 0;
  /// Where QEMU finds it; it need not exist. Throws for names that are none of this storage.
  virtual std::filesystem::path path_of(const wire::VolumeId& volume) const = 0;
  /// raw, qcow2 or vmdk, by the name.
  virtual std::string format_of(const wire::VolumeId& volume) const = 0;
  virtual bool exists(const wire::VolumeId& volume) const = 0;
  /// Throws 500 "volume_size_info on '…' failed - no format" when absent.
  virtual VolumeInfo info(const wire::VolumeId& volume) const = 0;
  /// Sorted by name. `kind` empty: all content types; `vmid`: only that machine's volumes (and backups).
  virtual std::vector<VolumeInfo> list(const std::string& kind = {}, std::optional<Vmid> vmid = {}) const = 0;

  /// True for what make_base made (base-…): the only volumes that linked clones can be made of.
  virtual bool is_base(const wire::VolumeId& volume) const = 0;
  /// Makes it read-only under its base-… name. Throws when it is a base already.
  virtual wire::VolumeId make_base(const wire::VolumeId& volume) = 0;
  /// A copy-on-write child: "local:9000/base-9000-disk-0.qcow2/1001/vm-1001-disk-0.qcow2".
  virtual wire::VolumeId clone_linked(const wire::VolumeId& base, Vmid vmid,
                                      const std::string& name = {}) = 0;
  /// A qcow2 that reads `base`, a file of the node's, where it has nothing of its own. Unlike a linked clone
  /// it has a name of its own ("local:1001/vm-1001-disk-0.qcow2"): it is to become independent of the base.
  virtual wire::VolumeId clone_over(const CopySource& base, Vmid vmid) = 0;
  /// Empties a qcow2 that no QEMU has open: from now on it is `size` and reads `base`. Durable; a kill leaves
  /// the old content or the new.
  virtual void renew_over(const wire::VolumeId& volume, const CopySource& base, Bytes size) = 0;
  /// A whole copy: a reflink where the file system has it, else of the allocated parts only.
  virtual wire::VolumeId clone_full(const CopySource& source, Vmid vmid, const std::string& format,
                                    const CopyProgress& progress, std::stop_token stop,
                                    const std::string& name = {}) = 0;
  /// As clone_full from a file that we did not make: one with a backing file or external data is refused.
  virtual wire::VolumeId import_image(const std::filesystem::path& file, const std::string& format, Vmid vmid,
                                      const std::string& to_format, const CopyProgress& progress,
                                      std::stop_token stop, const std::string& name = {}) = 0;
  /// Grows to `size`; equal is nothing to do; smaller throws "shrinking disks is not supported". For images
  /// that no running QEMU has open (that one resizes them itself).
  virtual void resize(const wire::VolumeId& volume, Bytes size) = 0;

  /// Takes over an uploaded file (moved when on the same file system) as content iso, vztmpl or import under
  /// a name made safe by upload_name(); an existing one is replaced.
  virtual wire::VolumeId store_file(const std::string& kind, const std::string& name,
                                    const std::filesystem::path& file) = 0;
  virtual void set_notes(const wire::VolumeId& volume, const std::string& notes) = 0;
  virtual void set_protected(const wire::VolumeId& volume, bool on) = 0;
};

using StoragePtr = std::shared_ptr<Storage>;  // shared: work goes on with it while storage.cfg changes

/// The file name that an upload gets: base name, other characters than [a-zA-Z0-9_.-] become '_'. Throws
/// ApiError 400 errors.filename "wrong file extension" when `kind` does not take such files.
std::string upload_name(const std::string& kind, const std::string& client_name);

/// Refuses an image that somebody gave us unless it is of that format (raw, qcow2, vmdk, ova) and stands
/// alone: no backing file, no data in other files, which could be any file of the host. Throws ApiError 500
/// with qemu-img's kind of text.
void check_foreign_image(const std::filesystem::path& file, const std::string& format);

}  // namespace hlid::node::storage
