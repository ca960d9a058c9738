#include "pve/cluster.h"

#include "pve/read.h"
#include "wire/api_error.h"

namespace hlid::pve {
namespace {

Resource read_resource(const json::object& row) {
  Resource resource;
  resource.type = text_or(row, "type");
  resource.id = text_or(row, "id");
  resource.node = text_or(row, "node");
  resource.vmid = {static_cast<int>(number_or(row, "vmid"))};
  resource.name = text_or(row, "name");
  resource.status = text_or(row, "status");
  resource.tags = text_or(row, "tags");
  resource.is_template = flag_or(row, "template");
  resource.cpus = static_cast<int>(number_or(row, "maxcpu"));
  resource.memory = bytes_or(row, "maxmem");
  resource.disk = bytes_or(row, "maxdisk");
  return resource;
}

}  // namespace

std::vector<Resource> resources(const Session& session, const std::string& type) {
  const auto data = session.get("/cluster/resources", type.empty() ? Form{} : Form{{"type", type}});
  std::vector<Resource> found;
  for (const auto& row : list_of(data, "the cluster's resources"))
    found.push_back(read_resource(object_of(row, "a resource")));
  return found;
}

Vmid next_id(const Session& session) {
  const auto data = session.get("/cluster/nextid");
  const auto text = data.is_string() ? std::string(data.as_string()) : to_text(data);
  const auto vmid = parse_vmid(text);
  if (!vmid) throw Error(Errc::protocol, "the API's next free VMID is '{}'", text);
  return *vmid;
}

bool is_free(const Session& session, Vmid vmid) {
  try {
    session.get("/cluster/nextid", {{"vmid", to_string(vmid)}});
    return true;
  } catch (const wire::ApiError& error) {
    if (error.status() == 400) return false;
    throw;
  }
}

}  // namespace hlid::pve
