#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/units.h"
#include "sys/clock.h"
#include "sys/files.h"

namespace hlid::templates {

/// A finished image in the cache, as its meta.json tells.
struct CacheEntry {
  std::string key;
  std::filesystem::path disk;
  std::string format;
  std::string os;
  std::string kernel;  ///< version
  std::string sha256;  ///< of the disk file
  Bytes file_size;
  Bytes virtual_size;
  std::int64_t built_at = 0;  ///< Unix time
  int package_count = 0;
};

/// Finished images by content key: <folder>/<key>/{disk.qcow2,meta.json}. An entry appears whole (made in a
/// folder of its own, then renamed) or not at all; what a killed build left is removed by the next one of
/// that key.
class Cache {
 public:
  explicit Cache(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::optional<CacheEntry> find(const std::string& key) const;
  std::vector<CacheEntry> list() const;  ///< youngest first
  /// Removes every entry whose key is not in `keep` and no build works on; says what went.
  std::vector<CacheEntry> prune(const std::set<std::string>& keep);

  /// Holds the key against other builds, of other processes too. `waiting` is called once if somebody else
  /// has it. Throws Error(interrupted) on a stop request.
  sys::FileLock lock(const std::string& key, sys::Clock& clock, const std::function<void()>& waiting,
                     std::stop_token stop) const;
  std::filesystem::path work_folder(const std::string& key) const;
  /// Work folders of builds that were killed.
  std::vector<std::filesystem::path> leftovers() const;
  /// Writes `entry`'s meta.json beside its disk in `made` and gives the folder its place.
  CacheEntry publish(const std::filesystem::path& made, CacheEntry entry);

 private:
  std::filesystem::path entry_folder(const std::string& key) const { return folder_ / key; }
  std::filesystem::path lock_file(const std::string& key) const { return folder_ / ("lock-" + key); }

  std::filesystem::path folder_;
};

}  // namespace hlid::templates
