#pragma once
#include <optional>
#include <string>
#include <vector>

#include "model/homelab.h"
#include "spec/check.h"

namespace hlid::spec {

/// A machine and where in the file its values come from.
struct Placed {
  model::Machine machine;
  std::size_t group = 0;  ///< index into Draft::groups
  Position vmid_at, address_at, memory_at, disk_at, node_at;
  bool address_wrong = false;  ///< given, but wrong: already reported
};

struct Group {
  std::string name;
  model::Role role = model::Role::plain;
  int count = 1;
  Position at, name_at, count_at;
  std::vector<std::pair<std::string, Position>> tags;
  std::vector<std::pair<int, Position>> overrides;
};

/// The values of the file with defaults filled in and groups expanded, before the rules that look at several
/// values.
struct Draft {
  model::Homelab lab;
  std::vector<Placed> machines;  ///< become lab.machines
  std::vector<Group> groups;
};

Draft build(const Section& top);

/// One item of `publish`; without addresses when nothing of that name is there. Machines must be built.
model::Publish build_publish(const Section& from, const Draft& draft);

}  // namespace hlid::spec
