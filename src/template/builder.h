#pragma once
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "sys/clock.h"
#include "sys/process.h"
#include "template/cache.h"
#include "template/request.h"

namespace hlid::templates {

struct Built {
  std::filesystem::path disk;
  std::string format;  ///< qcow2
  std::string key;
  bool from_cache = false;
  Bytes virtual_size;
};

/// Builds templates. One at a time per content key, whoever asks; the others wait and find it in the cache.
class Builder {
 public:
  /// `cache`: $HLID_HOME/cache/templates.
  Builder(sys::ProcessRunner& runner, std::filesystem::path cache, sys::Clock& clock);
  Builder(sys::ProcessRunner& runner, std::filesystem::path cache);

  /// From the cache, or built. `progress` gets a line for people ("packages: 120 of 253 packages installed")
  /// on each change, from this thread. Throws Error: spec (the description cannot work; the package or value
  /// to blame is named), precondition (a tool or right is missing), interrupted, failed. Whatever happens,
  /// nothing half made, no process and no mount stays.
  Built build(const BuildRequest& request, const std::function<void(const std::string&)>& progress,
              std::stop_token stop = {});

  std::vector<CacheEntry> list() const { return cache_.list(); }
  /// Removes what is not in `keep`, and the files of builds that were killed. Says which entries went.
  std::vector<CacheEntry> prune(const std::set<std::string>& keep);

 private:
  /// A ready image, packed as a built one.
  CacheEntry take(const BuildRequest& request, const std::string& key,
                  const std::function<void(const std::string&)>& progress, std::stop_token stop);
  CacheEntry make(const BuildRequest& request, const std::string& key,
                  const std::function<void(const std::string&)>& progress, std::stop_token stop);

  sys::ProcessRunner& runner_;
  sys::SystemClock system_clock_;
  sys::Clock& clock_;
  Cache cache_;
};

}  // namespace hlid::templates
