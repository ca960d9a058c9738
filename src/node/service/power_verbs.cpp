// Power and keyboard of a machine.
#include <boost/json.hpp>

#include "node/auth/permissions.h"
#include "node/service/callers.h"
#include "node/service/verbs.h"
#include "node/vm/machines.h"

namespace hlid::node::service {
namespace {

using PowerVerb = wire::Upid (vm::Machines::*)(const vm::Caller&, Vmid, const vm::Params&);

template <PowerVerb verb>
Answer power(Parts& parts, Call& call) {
  for (const char* option : {"skiplock", "stateuri", "migratedfrom", "migration_type", "migration_network",
                             "targetstorage", "force-cpu", "keepActive"}) {
    if (call.params.has(option) && !call.who.is_root_user()) {
      throw wire::parameter_error(option, "Only root may use this option.");
    }
  }
  return to_string(
      (parts.machines.*verb)(caller_of(call.who), vmid_of(call.params), machine_params(call.params)));
}

Answer current(Parts& parts, Call& call) {
  return parts.machines.current(vmid_of(call.params));
}

Answer sendkey(Parts& parts, Call& call) {
  parts.machines.sendkey(caller_of(call.who), vmid_of(call.params), machine_params(call.params));
  return nullptr;
}

Answer monitor(Parts& parts, Call& call) {
  return parts.machines.monitor(caller_of(call.who), vmid_of(call.params), call.params.get_or("command", ""));
}

}  // namespace

std::vector<Verb> power_verbs() {
  const auto control = [] { return all_of("/vms/{vmid}", {"VM.PowerMgmt"}); };
  return {
      {"GET", "/nodes/{node}/qemu/{vmid}/status/current", Pace::work, all_of("/vms/{vmid}", {"VM.Audit"}),
       current},
      {"POST", "/nodes/{node}/qemu/{vmid}/status/start", Pace::work, control(), power<&vm::Machines::start>},
      {"POST", "/nodes/{node}/qemu/{vmid}/status/stop", Pace::work, control(), power<&vm::Machines::stop>},
      {"POST", "/nodes/{node}/qemu/{vmid}/status/shutdown", Pace::work, control(),
       power<&vm::Machines::shutdown>},
      {"POST", "/nodes/{node}/qemu/{vmid}/status/reboot", Pace::work, control(),
       power<&vm::Machines::reboot>},
      {"POST", "/nodes/{node}/qemu/{vmid}/status/reset", Pace::work, control(), power<&vm::Machines::reset>},
      {"POST", "/nodes/{node}/qemu/{vmid}/status/suspend", Pace::work, control(),
       power<&vm::Machines::suspend>},
      {"POST", "/nodes/{node}/qemu/{vmid}/status/resume", Pace::work, control(),
       power<&vm::Machines::resume>},
      {"PUT", "/nodes/{node}/qemu/{vmid}/sendkey", Pace::work, all_of("/vms/{vmid}", {"VM.Console"}),
       sendkey},
      {"POST", "/nodes/{node}/qemu/{vmid}/monitor", Pace::work, all_of("/vms/{vmid}", {"VM.Monitor"}),
       monitor},
  };
}

}  // namespace hlid::node::service
