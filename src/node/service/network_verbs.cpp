// Bridges of the node. Changes are staged until PUT /nodes/N/network applies them in a task.
#include <fmt/format.h>
#include <boost/json.hpp>

#include <algorithm>

#include "node/service/callers.h"
#include "node/service/interface_api.h"
#include "node/service/network_store.h"
#include "node/service/verbs.h"
#include "node/task/tasks.h"

namespace hlid::node::service {
namespace {

/// Bridges that hold now, up or to be brought up at the next start of a machine.
std::vector<std::string> active_names(const Parts& parts) {
  std::vector<std::string> names;
  for (const Interface& bridge : parts.network->current().bridges()) names.push_back(bridge.name);
  return names;
}

Answer list(Parts& parts, Call& call) {
  Answer answer(to_api(parts.network->newest(), active_names(parts), call.params.get_or("type", "")));
  if (std::string changes = parts.network->changes(); !changes.empty()) answer.changes = std::move(changes);
  return answer;
}

[[noreturn]] void no_such_interface() {
  throw wire::parameter_error("iface", "interface does not exist");
}

Answer show(Parts& parts, Call& call) {
  const std::string name = call.params.get_or("iface", "");
  const NetworkConfig config = parts.network->newest();
  const Interface* interface = config.find(name);
  if (interface == nullptr) no_such_interface();
  const auto names = active_names(parts);
  const auto position = static_cast<int>(interface - config.interfaces.data());
  return to_api(*interface, position + 2, std::ranges::find(names, name) != names.end());
}

std::map<std::string, std::string> values_of(const Params& params) {
  std::map<std::string, std::string> values;
  for (const auto& [name, value] : params.items()) {
    if (name != "node" && name != "iface") values.emplace(name, params.get_or(name, ""));
  }
  return values;
}

Answer create(Parts& parts, Call& call) {
  const std::string name = call.params.get_or("iface", "");
  NetworkConfig config = parts.network->newest();
  if (config.find(name) != nullptr) throw wire::parameter_error("iface", "interface already exists");
  Interface interface;
  interface.name = name;
  interface.families = {"inet"};
  update_from_api(interface, values_of(call.params));
  config.interfaces.push_back(std::move(interface));
  parts.network->stage(config);
  return nullptr;
}

Answer update(Parts& parts, Call& call) {
  NetworkConfig config = parts.network->newest();
  Interface* interface = config.find(call.params.get_or("iface", ""));
  if (interface == nullptr) no_such_interface();
  update_from_api(*interface, values_of(call.params));
  parts.network->stage(config);
  return nullptr;
}

Answer remove(Parts& parts, Call& call) {
  const std::string name = call.params.get_or("iface", "");
  NetworkConfig config = parts.network->newest();
  if (config.find(name) == nullptr) no_such_interface();
  std::erase_if(config.interfaces, [&](const Interface& interface) { return interface.name == name; });
  parts.network->stage(config);
  return nullptr;
}

Answer revert(Parts& parts, Call&) {
  parts.network->revert();
  return nullptr;
}

Answer apply(Parts& parts, Call& call) {
  const auto store = parts.network;
  const auto make_so = parts.apply_network;
  return to_string(
      parts.tasks.start("srvreload", "networking", user_of(call.who), [store, make_so](task::TaskContext&) {
        make_so(store->newest());
        store->commit();
      }));
}

}  // namespace

std::vector<Verb> network_verbs() {
  const auto modify = [] { return all_of("/nodes/{node}", {"Sys.Modify"}); };
  return {
      {"GET", "/nodes/{node}/network", Pace::work, for_users(), list},
      {"POST", "/nodes/{node}/network", Pace::work, modify(), create},
      {"PUT", "/nodes/{node}/network", Pace::work, modify(), apply},
      {"DELETE", "/nodes/{node}/network", Pace::work, modify(), revert},
      {"GET", "/nodes/{node}/network/{iface}", Pace::work, all_of("/nodes/{node}", {"Sys.Audit"}), show},
      {"PUT", "/nodes/{node}/network/{iface}", Pace::work, modify(), update},
      {"DELETE", "/nodes/{node}/network/{iface}", Pace::work, modify(), remove},
  };
}

}  // namespace hlid::node::service
