#pragma once
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "model/homelab.h"
#include "pve/vms.h"
#include "wire/volume_id.h"

namespace hlid::drive {

/// Discs that machines are lent to read bulk data from: an ISO image made from files of the host, uploaded
/// once to each node (an API token is enough for that), attached as a CD of the machine's SCSI bus while it
/// runs. Named "hlid-<lab>-<label>-<content hash>.iso" on the file's ISO storage, so the same files are found
/// again and those of other labs are never touched. Thread-safe: machines that want the same disc at once
/// wait for one upload.
class DiscShelf {
 public:
  using Files = std::map<std::string, std::filesystem::path>;  ///< name on the disc → file of the host
  using Phase = std::function<void(const std::string&)>;

  struct Disc {
    std::string label;      ///< the image's volume id: "<label>-<8 of the content hash>", at most 32 bytes
    wire::VolumeId volume;  ///< where it lies on the storage
  };

  /// `lab` outlives it. Images are made in `scratch` and removed when they are uploaded.
  DiscShelf(const model::Homelab& lab, std::filesystem::path scratch);

  /// The disc with these files on `node`'s ISO storage: found, or made and uploaded. Throws Error:
  /// precondition when the storage takes no ISO images, io when a file cannot be read.
  Disc provide(const pve::Session& session, const std::string& node, const std::string& label,
               const Files& files, const Phase& phase);
  /// Puts it into a drive of the running machine, proven ours by the caller; nothing to do when it is there.
  /// Throws Error(precondition) when the machine does not take it before a restart.
  void attach(const pve::Session& session, const pve::VmRef& vm, const Disc& disc) const;
  /// Takes all discs of ours out of the machine. They must not be mounted there any more.
  void detach(const pve::Session& session, const pve::VmRef& vm) const;
  /// Removes the images of this lab that no machine of the hypervisor has attached, also those that an
  /// interrupted run left.
  void remove_unused(const pve::Session& session);

 private:
  struct Entry {
    bool at_work = false;
    std::string content;          ///< hash, once known
    std::set<std::string> nodes;  ///< where it was seen or put
  };

  bool is_ours(const wire::VolumeId& volume) const;
  Disc disc_of(const std::string& label, const std::string& content) const;
  std::set<std::string> volumes_in_use(const pve::Session& session) const;
  void upload_once(const pve::Session& session, const std::string& node, const Disc& disc, const Files& files,
                   const Phase& phase) const;
  void upload(const pve::Session& session, const std::string& node, const Disc& disc, const Files& files,
              const Phase& phase) const;

  const model::Homelab& lab_;
  std::filesystem::path scratch_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, Entry> entries_;  ///< by label and the files' names, sizes and times
};

}  // namespace hlid::drive
