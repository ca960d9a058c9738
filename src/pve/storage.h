#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/units.h"
#include "pve/session.h"
#include "pve/tasks.h"
#include "wire/volume_id.h"

/// Storages and what lies on them. (pve-storage, API2/Storage/*.pm.)
namespace hlid::pve {

/// A row of GET /nodes/{node}/storage.
struct StorageRow {
  std::string id, type;
  std::vector<std::string> content;
  bool active = false;
  bool shared = false;
  Bytes total, used, available;
};

struct Volume {
  wire::VolumeId id;
  std::string content, format;
  Bytes size;
  int vmid = 0;
  long long created = 0;
};

std::vector<StorageRow> storages(const Session& session, const std::string& node);
std::vector<Volume> volumes(const Session& session, const std::string& node, const std::string& storage,
                            const std::string& content = {});
/// POST /storage of type dir. `path` may be empty where the server chooses it (our own node does).
void create_dir_storage(const Session& session, const std::string& id, const std::string& path,
                        const std::vector<std::string>& content);
/// PUT /storage/{id}: which content types it takes.
void set_storage_content(const Session& session, const std::string& id,
                         const std::vector<std::string>& content);

struct UploadRequest {
  std::string node, storage;
  std::string content;  ///< iso, import, vztmpl
  std::filesystem::path file;
  std::string file_name;  ///< characters outside [a-zA-Z0-9_.-] become '_' on the server
  std::function<void(std::int64_t sent, std::int64_t total)> on_progress;
};

/// Streams the file and waits for the copy on the server; an existing volume of that name is replaced.
wire::VolumeId upload(const Session& session, const UploadRequest& request);
/// Absent is fine.
void remove_volume(const Session& session, const std::string& node, const wire::VolumeId& volume);

}  // namespace hlid::pve
