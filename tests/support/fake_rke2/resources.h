#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

/// The kinds of objects, and where they are in the API and in etcd.
namespace hlid::fake_rke2 {

struct Resource {
  std::string plural, singular, kind, group_version;  ///< "v1" or "apps/v1"
  bool namespaced = false;
  std::string shorter = {};  ///< "no", "po"
  std::string group() const;
};

const std::vector<Resource>& resources();
/// By plural, singular, short name or "plural.group", without case.
const Resource* find_resource(const std::string& name);
const Resource* resource_of_kind(const std::string& kind);

/// Where in the API: empty `name`: the list; empty `ns` of a namespaced kind: of all namespaces.
std::string api_path(const Resource& resource, const std::string& ns, const std::string& name);

/// What a path of the API means.
struct Location {
  const Resource* resource = nullptr;
  std::string ns, name, sub;
};
std::optional<Location> locate(const std::string& path);
/// "/fake/<plural>/<ns or _>/<name>"; the common prefix of a list when `name` is empty.
std::string etcd_key(const Location& location);

std::string text_at(const json::value& object, const std::vector<std::string>& path);
json::object& metadata_of(json::object& object);
std::string name_of(const json::value& object);
std::string namespace_of(const json::value& object);
/// The value of an annotation or label ("annotations", "labels"); nullopt without.
std::optional<std::string> mark_of(const json::value& object, const char* which, const std::string& key);

}  // namespace hlid::fake_rke2
