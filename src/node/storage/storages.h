#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "node/config/section_file.h"
#include "node/storage/storage.h"
#include "sys/process.h"

namespace hlid::node::storage {

/// The storages of `storage.cfg`. Thread-safe; edits of the file by hand are seen at the next call. `local`,
/// the node's own folder, is always there.
class Storages {
 public:
  /// Sweeps the temporary files that a killed daemon left in each storage.
  Storages(std::filesystem::path config_file, std::filesystem::path local_folder, sys::ProcessRunner& runner);
  ~Storages();

  /// Throws ApiError 500 "storage 'x' does not exist".
  StoragePtr find(const std::string& id) const;
  StoragePtr find_if_exists(const std::string& id) const;
  std::vector<StoragePtr> all() const;  ///< by id
  /// The storage of a volume id text; throws for an unparsable one: "unable to parse volume ID 'x'".
  std::pair<StoragePtr, wire::VolumeId> resolve(const std::string& volume) const;
  /// find(), which also must hold content `kind`: else ApiError 500 "storage 'x' does not support 'iso'
  /// content".
  StoragePtr find_holding(const std::string& id, const std::string& kind) const;

  /// The sections of storage.cfg as GET /storage shows them, and their digest (SHA-1 of the file).
  std::vector<config::SectionEntry> configured() const;
  std::string digest() const;

  using Values = std::vector<std::pair<std::string, std::string>>;
  /// Type dir only; its folders are made. Throws with Proxmox's texts ("create storage failed: …").
  void create(const std::string& id, const std::string& type, const Values& values);
  void update(const std::string& id, const Values& values, const std::vector<std::string>& remove_keys,
              const std::string& digest = {});
  /// Forgets it; its files stay.
  void remove(const std::string& id);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hlid::node::storage
