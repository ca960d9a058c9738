// storage.cfg, and how each storage does.
#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "node/auth/permissions.h"
#include "node/service/resources.h"
#include "node/service/verbs.h"
#include "node/storage/storages.h"

namespace hlid::node::service {
namespace {

json::object describe(const config::SectionEntry& section, const std::string& digest) {
  json::object row{{"storage", section.id}, {"type", section.type}, {"digest", digest}};
  for (const auto& [key, value] : section.values) {
    if (key == "shared" || key == "disable") {
      row[key] = value == "1" || value.empty() ? 1 : 0;
    } else {
      row[key] = value;
    }
  }
  return row;
}

Answer configured(Parts& parts, Call& call) {
  const std::string type = call.params.get_or("type", "");
  const std::string digest = parts.storages.digest();
  json::array rows;
  for (const config::SectionEntry& section : parts.storages.configured()) {
    if (!type.empty() && section.type != type) continue;
    if (may_see_storage(parts, call.who, section.id)) rows.push_back(describe(section, digest));
  }
  return rows;
}

Answer configured_one(Parts& parts, Call& call) {
  const std::string id = call.params.get_or("storage", "");
  for (const config::SectionEntry& section : parts.storages.configured()) {
    if (section.id == id) return describe(section, parts.storages.digest());
  }
  throw wire::failure(fmt::format("storage '{}' does not exist", id));
}

storage::Storages::Values values_of(const Params& params) {
  storage::Storages::Values values;
  for (const auto& [name, value] : params.items()) {
    if (name == "storage" || name == "type" || name == "delete" || name == "digest") continue;
    values.emplace_back(name, params.get_or(name, ""));
  }
  return values;
}

Answer create(Parts& parts, Call& call) {
  const std::string id = call.params.get_or("storage", "");
  const std::string type = call.params.get_or("type", "");
  parts.storages.create(id, type, values_of(call.params));
  return json::object{{"storage", id}, {"type", type}};
}

Answer update(Parts& parts, Call& call) {
  const std::string id = call.params.get_or("storage", "");
  parts.storages.update(id, values_of(call.params), call.params.list("delete"),
                        call.params.get_or("digest", ""));
  return json::object{{"storage", id}, {"type", parts.storages.find(id)->type()}};
}

Answer remove(Parts& parts, Call& call) {
  parts.storages.remove(call.params.get_or("storage", ""));
  return nullptr;
}

json::object status_row(const storage::Storage& storage) {
  const storage::StorageStatus status = storage.status();
  const std::vector<std::string> content(storage.content().begin(), storage.content().end());
  return {{"type", storage.type()},
          {"content", join(content, ",")},
          {"total", status.total.count},
          {"used", status.used.count},
          {"avail", status.available.count},
          {"active", status.active ? 1 : 0},
          {"enabled", storage.enabled() ? 1 : 0},
          {"shared", 0}};
}

bool holds_any(const storage::Storage& storage, const std::vector<std::string>& kinds) {
  if (kinds.empty()) return true;
  for (const std::string& kind : kinds) {
    if (storage.holds(kind)) return true;
  }
  return false;
}

Answer list(Parts& parts, Call& call) {
  const std::vector<std::string> kinds = call.params.list("content");
  const std::string only = call.params.get_or("storage", "");
  json::array rows;
  for (const storage::StoragePtr& storage : parts.storages.all()) {
    if (!only.empty() && storage->id() != only) continue;
    if (call.params.flag("enabled") && !storage->enabled()) continue;
    if (!holds_any(*storage, kinds) || !may_see_storage(parts, call.who, storage->id())) continue;
    json::object row = status_row(*storage);
    row["storage"] = storage->id();
    const auto total = row.at("total").to_number<double>();
    row["used_fraction"] = total > 0 ? row.at("used").to_number<double>() / total : 0.0;
    rows.push_back(std::move(row));
  }
  return rows;
}

Answer status(Parts& parts, Call& call) {
  const auto storage = parts.storages.find_if_exists(call.params.get_or("storage", ""));
  if (storage == nullptr) throw wire::parameter_error("storage", "No such storage.");
  return status_row(*storage);
}

}  // namespace

std::vector<Verb> storage_verbs() {
  const auto allocate = [] { return all_of("/storage", {"Datastore.Allocate"}); };
  const auto see = [] {
    return any_of("/storage/{storage}", {"Datastore.Audit", "Datastore.AllocateSpace"});
  };
  return {
      {"GET", "/storage", Pace::quick, for_users(), configured},
      {"POST", "/storage", Pace::work, allocate(), create},
      {"GET", "/storage/{storage}", Pace::quick, all_of("/storage/{storage}", {"Datastore.Allocate"}),
       configured_one},
      {"PUT", "/storage/{storage}", Pace::work, allocate(), update},
      {"DELETE", "/storage/{storage}", Pace::work, allocate(), remove},
      {"GET", "/nodes/{node}/storage", Pace::quick, for_users(), list},
      {"GET", "/nodes/{node}/storage/{storage}/status", Pace::quick, see(), status},
  };
}

}  // namespace hlid::node::service
