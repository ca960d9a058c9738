#include "pve/storage.h"

#include "base/text.h"
#include "pve/read.h"

namespace hlid::pve {

std::vector<StorageRow> storages(const Session& session, const std::string& node) {
  const auto data = session.get(path_of({"nodes", node, "storage"}));
  std::vector<StorageRow> found;
  for (const auto& value : list_of(data, "the storages")) {
    const auto& row = object_of(value, "a storage");
    found.push_back({text_or(row, "storage"), text_or(row, "type"), split_list(text_or(row, "content"), ", "),
                     flag_or(row, "active"), flag_or(row, "shared"), bytes_or(row, "total"),
                     bytes_or(row, "used"), bytes_or(row, "avail")});
  }
  return found;
}

std::vector<Volume> volumes(const Session& session, const std::string& node, const std::string& storage,
                            const std::string& content) {
  const auto data = session.get(path_of({"nodes", node, "storage", storage, "content"}),
                                content.empty() ? Form{} : Form{{"content", content}});
  std::vector<Volume> found;
  for (const auto& value : list_of(data, "a storage's content")) {
    const auto& row = object_of(value, "a volume");
    const auto id = wire::parse_volume_id(text_or(row, "volid"));
    if (!id) continue;
    found.push_back({*id, text_or(row, "content"), text_or(row, "format"), bytes_or(row, "size"),
                     static_cast<int>(number_or(row, "vmid")), number_or(row, "ctime")});
  }
  return found;
}

void create_dir_storage(const Session& session, const std::string& id, const std::string& path,
                        const std::vector<std::string>& content) {
  session.post("/storage",
               {{"storage", id}, {"type", "dir"}, {"path", path}, {"content", join(content, ",")}});
}

void set_storage_content(const Session& session, const std::string& id,
                         const std::vector<std::string>& content) {
  session.put(path_of({"storage", id}), {{"content", join(content, ",")}});
}

wire::VolumeId upload(const Session& session, const UploadRequest& request) {
  net::Upload body{{{"content", request.content}}, request.file, request.file_name, request.on_progress};
  const auto path = path_of({"nodes", request.node, "storage", request.storage, "upload"});
  const auto upid = text_of(session.upload(path, std::move(body)), "the upload");
  session.tell_task(upid);
  wait_task(session, upid);
  return {request.storage, request.content + "/" + request.file_name};
}

void remove_volume(const Session& session, const std::string& node, const wire::VolumeId& volume) {
  const auto path = path_of({"nodes", node, "storage", volume.storage, "content", to_string(volume)});
  run_task(session, [&] { return session.del(path); });
}

}  // namespace hlid::pve
