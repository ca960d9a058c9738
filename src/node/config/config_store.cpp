#include "node/config/config_store.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>

#include "sys/files.h"
#include "sys/hash.h"
#include "wire/api_error.h"

namespace hlid::node::config {
namespace {

constexpr std::uint32_t kWatched =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ATTRIB;

/// "100.conf" -> 100; temporary files and others are not machines.
std::optional<Vmid> vmid_of(std::string_view name) {
  constexpr std::string_view kSuffix = ".conf";
  if (name.size() <= kSuffix.size() || name.substr(name.size() - kSuffix.size()) != kSuffix)
    return std::nullopt;
  return parse_vmid(name.substr(0, name.size() - kSuffix.size()));
}

}  // namespace

VmLock& VmLock::operator=(VmLock&& other) noexcept {
  if (this != &other) {
    release();
    store_ = std::exchange(other.store_, nullptr);
    vmid_ = other.vmid_;
  }
  return *this;
}

void VmLock::release() {
  if (store_ != nullptr) std::exchange(store_, nullptr)->unlock(vmid_);
}

ConfigStore::ConfigStore(Options options) : options_(std::move(options)) {
  sys::make_folder(options_.folder, 0700);
  inotify_ = sys::UniqueFd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (inotify_ && ::inotify_add_watch(inotify_.get(), options_.folder.c_str(), kWatched) < 0)
    inotify_.reset();
  // Without inotify (its instances are limited per user) every access looks at the folder itself.
  const std::lock_guard guard(table_mutex_);
  rescan();
}

std::filesystem::path ConfigStore::path_of(Vmid vmid) const {
  return options_.folder / (to_string(vmid) + ".conf");
}

StoredVmPtr ConfigStore::find(Vmid vmid) const {
  const std::lock_guard guard(table_mutex_);
  refresh();
  const auto at = table_.find(vmid);
  return at != table_.end() ? at->second.vm : nullptr;
}

StoredVmPtr ConfigStore::require(Vmid vmid) const {
  if (auto vm = find(vmid)) return vm;
  throw wire::failure(fmt::format("Configuration file 'nodes/{}/qemu-server/{}.conf' does not exist",
                                  options_.node, vmid.value));
}

std::vector<StoredVmPtr> ConfigStore::all() const {
  const std::lock_guard guard(table_mutex_);
  refresh();
  std::vector<StoredVmPtr> out;
  out.reserve(table_.size());
  for (const auto& [vmid, known] : table_) out.push_back(known.vm);
  return out;
}

std::uint64_t ConfigStore::generation() const {
  const std::lock_guard guard(table_mutex_);
  refresh();
  return generation_;
}

void ConfigStore::refresh() const {
  if (!inotify_) return rescan();
  alignas(inotify_event) std::array<char, 16384> buffer;
  while (true) {
    const ssize_t count = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    for (ssize_t at = 0; at < count;) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof(event));
      const char* name = buffer.data() + at + sizeof(event);
      at += static_cast<ssize_t>(sizeof(event)) + static_cast<ssize_t>(event.len);
      if ((event.mask & IN_Q_OVERFLOW) != 0) return rescan();
      if (event.len == 0) continue;
      if (const auto vmid = vmid_of(name)) reload(*vmid);
    }
  }
}

void ConfigStore::rescan() const {
  std::set<Vmid> present;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(options_.folder, error)) {
    if (const auto vmid = vmid_of(entry.path().filename().string())) present.insert(*vmid);
  }
  for (const auto& [vmid, known] : table_) present.insert(vmid);
  for (const Vmid vmid : present) reload(vmid);
}

void ConfigStore::reload(Vmid vmid) const {
  struct stat info {};
  if (::stat(path_of(vmid).c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    if (table_.erase(vmid) != 0) ++generation_;
    return;
  }
  const Signature signature{
      static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec, info.st_size,
      info.st_ino};
  Known& known = table_[vmid];
  if (known.vm != nullptr && known.signature == signature) return;
  const auto text = sys::read_file_if_exists(path_of(vmid), 4U << 20);
  if (!text) {
    table_.erase(vmid);
  } else {
    known.signature = signature;
    known.vm = std::make_shared<const StoredVm>(StoredVm{vmid, parse_vm_config(*text), sys::sha1_hex(*text)});
  }
  ++generation_;
}

VmLock ConfigStore::lock(Vmid vmid, std::stop_token stop, const std::function<void()>& on_wait) {
  return acquire(vmid, false, options_.lock_wait, std::move(stop), on_wait);
}

VmLock ConfigStore::lock(Vmid vmid, std::chrono::milliseconds wait, std::stop_token stop,
                         const std::function<void()>& on_wait) {
  return acquire(vmid, false, wait, std::move(stop), on_wait);
}

VmLock ConfigStore::lock_shared(Vmid vmid, std::stop_token stop) {
  return acquire(vmid, true, options_.lock_wait, std::move(stop), {});
}

VmLock ConfigStore::try_lock(Vmid vmid) {
  const std::lock_guard guard(lock_mutex_);
  if (!locked_.emplace(vmid, -1).second) return {};
  return VmLock(this, vmid);
}

VmLock ConfigStore::acquire(Vmid vmid, bool shared, std::chrono::milliseconds wait, std::stop_token stop,
                            const std::function<void()>& on_wait) {
  std::unique_lock guard(lock_mutex_);
  const auto free = [this, vmid, shared] {
    const auto at = locked_.find(vmid);
    return at == locked_.end() || (shared && at->second > 0);
  };
  if (!free() && on_wait) {
    guard.unlock();
    on_wait();
    guard.lock();
  }
  if (!unlocked_.wait_for(guard, stop, wait, free)) {
    if (stop.stop_requested()) throw Error(Errc::interrupted, "received interrupt");
    throw wire::failure(
        fmt::format("can't lock file '/var/lock/qemu-server/lock-{}.conf' - got timeout", vmid.value));
  }
  locked_[vmid] += shared ? 1 : -1;
  return VmLock(this, vmid);
}

void ConfigStore::unlock(Vmid vmid) {
  {
    const std::lock_guard guard(lock_mutex_);
    const auto at = locked_.find(vmid);
    at->second = at->second > 0 ? at->second - 1 : 0;
    if (at->second == 0) locked_.erase(at);
  }
  unlocked_.notify_all();
}

StoredVmPtr ConfigStore::create(const VmLock& lock, const VmConfig& config) {
  if (find(lock.vmid()) != nullptr) {
    throw wire::failure(fmt::format("unable to create VM {}: config file already exists", lock.vmid().value));
  }
  return put(lock.vmid(), print_vm_config(config));
}

StoredVmPtr ConfigStore::write(const VmLock& lock, const VmConfig& config) {
  return put(lock.vmid(), print_vm_config(config));
}

StoredVmPtr ConfigStore::put(Vmid vmid, const std::string& text) {
  sys::write_durable(path_of(vmid), text, 0600);
  const std::lock_guard guard(table_mutex_);
  reload(vmid);
  const auto at = table_.find(vmid);
  if (at == table_.end()) throw Error(Errc::io, "'{}' vanished while it was written", path_of(vmid).string());
  return at->second.vm;
}

void ConfigStore::remove(const VmLock& lock) {
  sys::remove_durable(path_of(lock.vmid()));
  const std::lock_guard guard(table_mutex_);
  reload(lock.vmid());
}

}  // namespace hlid::node::config
