// The big lists (cluster/resources, nodes/N/qemu) as kept JSON text: rendered once for each state of the
// machines.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "node/auth/identity.h"

namespace hlid::node::service {

struct Parts;

/// One rendered row a machine, in the order of the numbers, and all of them as one array.
struct MachineRows {
  std::uint64_t generation = 0;
  std::vector<std::pair<Vmid, std::string>> rows;
  std::shared_ptr<const std::string> all;
};
using MachineRowsPtr = std::shared_ptr<const MachineRows>;

/// Thread-safe.
class ResourceCache {
 public:
  enum class Kind { list, full_list, resources };
  MachineRowsPtr machine_rows(const Parts& parts, Kind kind);
  /// A text that holds for one generation of the machines and at most a second; `make` renders it.
  std::shared_ptr<const std::string> text(const Parts& parts, const std::string& key,
                                          const std::function<std::string()>& make);

 private:
  struct Text {
    std::uint64_t generation = 0;
    std::int64_t second = -1;
    std::shared_ptr<const std::string> text;
  };
  std::mutex mutex_;
  std::map<Kind, MachineRowsPtr> rows_;
  std::map<std::string, Text, std::less<>> texts_;
};

/// The caller sees all there is, so that one text serves all such callers.
bool sees_all(const auth::Identity& who);
bool may_see_machine(const Parts& parts, const auth::Identity& who, Vmid vmid);
bool may_see_storage(const Parts& parts, const auth::Identity& who, const std::string& id);

json::object node_row(const Parts& parts);
json::object storage_row(const Parts& parts, const std::string& id);

}  // namespace hlid::node::service
