#include "drive/disc_shelf.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "image/iso.h"
#include "pve/cluster.h"
#include "pve/storage.h"
#include "sys/files.h"
#include "sys/hash.h"
#include "sys/parallel.h"
#include "sys/rollback.h"

namespace hlid::drive {
namespace {

constexpr std::size_t kConnections = 8;
constexpr std::size_t kLongestLabel = 23;        // with "-" and 8 of the hash: a volume id of 32 bytes
constexpr int kFirstDrive = 1, kLastDrive = 30;  // scsi0 is left to whoever boots from it

/// Storages keep letters, digits, '.', '_' and '-' (PVE::Storage, normalize_content_filename).
std::string plain_name(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
    out += kept ? c : '-';
  }
  return out;
}

/// Tells whether files are the same without reading a gigabyte of them.
std::string appearance_of(const std::string& label, const DiscShelf::Files& files) {
  auto text = label + "\n";
  for (const auto& [name, path] : files) {
    std::error_code failure;
    const auto size = std::filesystem::file_size(path, failure);
    const auto time =
        failure ? std::filesystem::file_time_type{} : std::filesystem::last_write_time(path, failure);
    if (failure) throw Error(Errc::io, "cannot read '{}': {}", path.string(), failure.message());
    text += fmt::format("{} {} {} {}\n", name, path.string(), size, time.time_since_epoch().count());
  }
  return text;
}

std::string content_hash(const DiscShelf::Files& files) {
  std::string text;
  for (const auto& [name, path] : files) text += name + " " + sys::sha256_file(path) + "\n";
  return sys::sha256_hex(text);
}

std::int64_t size_of(const DiscShelf::Files& files) {
  std::int64_t total = 0;
  for (const auto& [name, path] : files) total += static_cast<std::int64_t>(std::filesystem::file_size(path));
  return total;
}

std::string volume_in(const std::string& drive) {
  return drive.substr(0, drive.find(','));
}

void check_takes_discs(const pve::Session& session, const std::string& node, const std::string& id) {
  for (const auto& storage : pve::storages(session, node)) {
    if (storage.id != id) continue;
    const auto& content = storage.content;
    if (std::find(content.begin(), content.end(), "iso") != content.end()) return;
    throw Error(Errc::precondition, "storage '{}' does not take discs (content 'iso')", id)
        .with_hint(fmt::format("pvesm set {} --content {},iso", id, join(content, ",")));
  }
  throw Error(Errc::precondition, "storage '{}' does not exist on {}", id, node)
      .with_hint("name another one in the file (proxmox.iso_storage)");
}

/// The configuration changes at once; the machine follows when discs may be plugged while it runs.
void check_took_effect(const pve::Session& session, const pve::VmRef& vm, const std::string& drive) {
  for (const auto& change : pve::pending_changes(session, vm))
    if (change.key == drive)
      throw Error(Errc::precondition, "VM {} does not take or give a disc while it runs", to_string(vm.vmid))
          .with_hint(fmt::format("on {}: qm set {} --hotplug disk,network,usb", vm.node, to_string(vm.vmid)));
}

}  // namespace

DiscShelf::DiscShelf(const model::Homelab& lab, std::filesystem::path scratch)
    : lab_(lab), scratch_(std::move(scratch)) {}

bool DiscShelf::is_ours(const wire::VolumeId& volume) const {
  return volume.storage == lab_.proxmox.iso_storage &&
         volume.name.starts_with("iso/hlid-" + lab_.name + "-") && volume.name.ends_with(".iso");
}

DiscShelf::Disc DiscShelf::disc_of(const std::string& label, const std::string& content) const {
  const auto name = plain_name(label);
  return {name.substr(0, kLongestLabel) + "-" + content.substr(0, 8),
          {lab_.proxmox.iso_storage,
           fmt::format("iso/hlid-{}-{}-{}.iso", lab_.name, name, content.substr(0, 16))}};
}

DiscShelf::Disc DiscShelf::provide(const pve::Session& session, const std::string& node,
                                   const std::string& label, const Files& files, const Phase& phase) {
  const auto appearance = appearance_of(label, files);
  std::string content;
  {
    std::unique_lock lock(mutex_);
    auto& entry = entries_[appearance];
    if (entry.at_work) phase("waiting for the disc");
    if (!changed_.wait(lock, session.stop(), [&] { return !entry.at_work; }))
      throw Error(Errc::interrupted, "stopped while waiting for a disc");
    if (entry.nodes.contains(node)) return disc_of(label, entry.content);
    entry.at_work = true;
    content = entry.content;
  }
  bool is_there = false;
  const auto leave = [&] {
    const std::lock_guard lock(mutex_);
    auto& entry = entries_[appearance];
    entry.at_work = false;
    entry.content = content;
    if (is_there) entry.nodes.insert(node);
    changed_.notify_all();
  };
  try {
    if (content.empty()) content = content_hash(files);
    upload_once(session, node, disc_of(label, content), files, phase);
    is_there = true;
  } catch (...) {  // the next one that wants it tries again
    leave();
    throw;
  }
  leave();
  return disc_of(label, content);
}

/// A smaller image of that name is what an interrupted upload left: it is replaced.
void DiscShelf::upload_once(const pve::Session& session, const std::string& node, const Disc& disc,
                            const Files& files, const Phase& phase) const {
  const auto least = size_of(files);
  for (const auto& there : pve::volumes(session, node, disc.volume.storage, "iso"))
    if (there.id == disc.volume && there.size.count >= least) return;
  upload(session, node, disc, files, phase);
}

void DiscShelf::upload(const pve::Session& session, const std::string& node, const Disc& disc,
                       const Files& files, const Phase& phase) const {
  check_takes_discs(session, node, disc.volume.storage);
  phase("making the disc");
  sys::make_folder(scratch_, 0700);
  const auto name = disc.volume.name.substr(disc.volume.name.find('/') + 1);
  const auto file = scratch_ / name;
  std::map<std::string, image::IsoContent> contents;
  for (const auto& [on_disc, path] : files) contents.emplace(on_disc, image::HostFile{path});
  sys::Rollback scratch;  // never committed: the image is needed no longer than this
  scratch.on_failure([&] {
    std::error_code ignored;
    std::filesystem::remove(file, ignored);
  });
  image::write_iso(file, disc.label, contents, session.stop());
  pve::UploadRequest request{node, disc.volume.storage, "iso", file, name, {}};
  request.on_progress = [&](std::int64_t sent, std::int64_t total) {
    if (total > 0) phase(fmt::format("uploading the disc {} %", sent * 100 / total));
  };
  pve::upload(session, request);
}

void DiscShelf::attach(const pve::Session& session, const pve::VmRef& vm, const Disc& disc) const {
  const auto config = pve::find_config(session, vm);
  if (!config) throw Error(Errc::not_found, "VM {} does not exist on {}", to_string(vm.vmid), vm.node);
  const auto volume = to_string(disc.volume);
  for (const auto& [key, value] : *config)
    if (key.starts_with("scsi") && volume_in(value) == volume) return;
  for (int number = kFirstDrive; number <= kLastDrive; ++number) {
    const auto drive = "scsi" + std::to_string(number);
    if (config->contains(drive)) continue;
    pve::set_config(session, vm, {{drive, volume + ",media=cdrom"}});
    return check_took_effect(session, vm, drive);
  }
  throw Error(Errc::precondition, "VM {} has no SCSI drive free for a disc", to_string(vm.vmid));
}

void DiscShelf::detach(const pve::Session& session, const pve::VmRef& vm) const {
  const auto config = pve::find_config(session, vm);
  if (!config) return;
  for (const auto& [key, value] : *config) {
    const auto volume = wire::parse_volume_id(volume_in(value));
    if (!key.starts_with("scsi") || !volume || !is_ours(*volume)) continue;
    pve::set_config(session, vm, {{"delete", key}});
    check_took_effect(session, vm, key);
  }
}

std::set<std::string> DiscShelf::volumes_in_use(const pve::Session& session) const {
  std::vector<pve::VmRef> guests;
  for (const auto& guest : pve::resources(session, "vm")) {
    const auto tags = split_list(guest.tags, ";, ");
    if (std::find(tags.begin(), tags.end(), lab_.name) != tags.end())
      guests.push_back({guest.node, guest.vmid});
  }
  std::vector<pve::VmConfig> configs(guests.size());
  sys::in_parallel(guests.size(), kConnections, [&](std::size_t i) {
    configs[i] = pve::find_config(session, guests[i]).value_or(pve::VmConfig{});
  });
  std::set<std::string> used;
  for (const auto& config : configs)
    for (const auto& [key, value] : config) used.insert(volume_in(value));
  return used;
}

void DiscShelf::remove_unused(const pve::Session& session) {
  {
    const std::lock_guard lock(mutex_);
    for (auto& [appearance, entry] : entries_) entry.nodes.clear();
  }
  std::optional<std::set<std::string>> used;
  for (const auto& node : lab_.proxmox.nodes) {
    for (const auto& volume : pve::volumes(session, node, lab_.proxmox.iso_storage, "iso")) {
      if (!is_ours(volume.id)) continue;
      if (!used) used = volumes_in_use(session);
      if (!used->contains(to_string(volume.id))) pve::remove_volume(session, node, volume.id);
    }
  }
}

}  // namespace hlid::drive
