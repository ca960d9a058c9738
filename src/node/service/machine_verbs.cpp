// Machines: making, configuring and removing them.
#include <fmt/format.h>
#include <boost/json.hpp>

#include "node/auth/permissions.h"
#include "node/service/callers.h"
#include "node/service/machine_rights.h"
#include "node/service/verbs.h"
#include "node/task/tasks.h"
#include "node/vm/machines.h"
#include "sys/clock.h"

namespace hlid::node::service {
namespace {

/// An unknown pool is "forbidden", even for root (facts: pve-real.md 3, item 15).
void require_pool(const Parts& parts, const std::string& pool) {
  if (!pool.empty() && parts.permissions.pools().count(pool) == 0) {
    throw wire::permission_error(fmt::format("pool '{}' does not exist", pool));
  }
}

void require_allocate(const Parts& parts, const Call& call, Vmid vmid, const std::string& pool) {
  require_pool(parts, pool);
  if (parts.permissions.has(call.who, "/vms/" + to_string(vmid), "VM.Allocate")) return;
  if (!pool.empty() && parts.permissions.has(call.who, "/pool/" + pool, "VM.Allocate")) return;
  throw wire::ApiError(403, "Permission check failed");
}

void require_root_for(const Call& call, std::initializer_list<const char*> options) {
  for (const char* option : options) {
    if (call.params.has(option) && !call.who.is_root_user()) {
      throw wire::parameter_error(option, "Only root may use this option.");
    }
  }
}

/// JSON null gets as far as the file's writer there, inside of the task.
const std::string* first_null(const Params& params) {
  for (const auto& [name, value] : params.items()) {
    if (value.kind == Value::Kind::null) return &name;
  }
  return nullptr;
}

Answer create(Parts& parts, Call& call) {
  const Vmid vmid = vmid_of(call.params);
  const std::string pool = call.params.get_or("pool", "");
  require_allocate(parts, call, vmid, pool);
  require_config_rights(parts, call, vmid, pool);
  require_disk_and_bridge_rights(parts, call);
  require_cdrom_for_iso(call);
  if (const std::string* name = first_null(call.params); name != nullptr && !parts.machines.exists(vmid)) {
    const std::string problem = fmt::format(
        "unable to create VM {} - unable to parse value of '{}' - got undefined value", vmid.value, *name);
    return to_string(parts.tasks.start("qmcreate", to_string(vmid), user_of(call.who),
                                       [problem](task::TaskContext&) { throw wire::failure(problem); }));
  }
  const wire::Upid upid = parts.machines.create(caller_of(call.who), vmid, machine_params(call.params));
  if (!pool.empty()) parts.permissions.add_to_pool(pool, vmid);
  return to_string(upid);
}

void check_clone(const Parts& parts, const Call& call) {
  const auto newid = call.params.get_or("newid", "");
  const auto pool = call.params.get_or("pool", "");
  parts.permissions.require(call.who, "/vms/" + call.params.get_or("vmid", ""), {"VM.Clone"});
  if (parts.permissions.has(call.who, "/vms/" + newid, "VM.Allocate")) return;
  if (!pool.empty() && parts.permissions.has(call.who, "/pool/" + pool, "VM.Allocate")) return;
  throw wire::ApiError(403, "Permission check failed");
}

Answer clone(Parts& parts, Call& call) {
  require_pool(parts, call.params.get_or("pool", ""));
  if (const auto target = call.params.get("target"); target && *target != parts.node) {
    throw wire::failure(fmt::format("no such cluster node '{}'", *target));
  }
  require_disk_and_bridge_rights(parts, call, call.params.get_or("storage", ""));
  const Vmid vmid = vmid_of(call.params);
  const wire::Upid upid = parts.machines.clone(caller_of(call.who), vmid, machine_params(call.params));
  if (const auto pool = call.params.get("pool"))
    parts.permissions.add_to_pool(*pool, {call.params.small("newid", 0)});
  return to_string(upid);
}

Answer config(Parts& parts, Call& call) {
  return parts.machines.config(vmid_of(call.params), call.params.flag("current"),
                               call.params.get_or("snapshot", ""));
}

Answer pending(Parts& parts, Call& call) {
  return parts.machines.pending(vmid_of(call.params));
}

void require_change(const Parts& parts, const Call& call) {
  require_root_for(call, {"skiplock"});
  const Vmid vmid = vmid_of(call.params);
  require_config_rights(parts, call, vmid);
  require_disk_and_bridge_rights(parts, call);
  require_cdrom_for_iso(call);
}

Answer set_config(Parts& parts, Call& call) {
  require_change(parts, call);
  parts.machines.set_config(caller_of(call.who), vmid_of(call.params), machine_params(call.params));
  return nullptr;
}

Answer set_config_task(Parts& parts, Call& call) {
  require_change(parts, call);
  const auto upid =
      parts.machines.set_config_task(caller_of(call.who), vmid_of(call.params), machine_params(call.params));
  if (!upid) return nullptr;
  return to_string(*upid);
}

Answer resize(Parts& parts, Call& call) {
  require_root_for(call, {"skiplock"});
  return to_string(
      parts.machines.resize(caller_of(call.who), vmid_of(call.params), machine_params(call.params)));
}

Answer unlink(Parts& parts, Call& call) {
  parts.machines.unlink(caller_of(call.who), vmid_of(call.params), machine_params(call.params));
  return nullptr;
}

Answer make_template(Parts& parts, Call& call) {
  return to_string(
      parts.machines.make_template(caller_of(call.who), vmid_of(call.params), machine_params(call.params)));
}

Answer remove(Parts& parts, Call& call) {
  require_root_for(call, {"skiplock"});
  return to_string(
      parts.machines.remove(caller_of(call.who), vmid_of(call.params), machine_params(call.params)));
}

Answer cloudinit_pending(Parts& parts, Call& call) {
  return parts.machines.cloudinit_pending(vmid_of(call.params));
}

Answer cloudinit_dump(Parts& parts, Call& call) {
  return parts.machines.cloudinit_dump(vmid_of(call.params), call.params.get_or("type", "user"));
}

Answer regenerate_cloudinit(Parts& parts, Call& call) {
  parts.machines.regenerate_cloudinit(caller_of(call.who), vmid_of(call.params));
  return nullptr;
}

Rule change_rule() {
  return any_of("/vms/{vmid}",
                {"VM.Config.Disk", "VM.Config.CDROM", "VM.Config.CPU", "VM.Config.Memory",
                 "VM.Config.Network", "VM.Config.HWType", "VM.Config.Options", "VM.Config.Cloudinit"});
}

}  // namespace

std::vector<Verb> machine_verbs() {
  const auto see = [] { return all_of("/vms/{vmid}", {"VM.Audit"}); };
  return {
      {"POST", "/nodes/{node}/qemu", Pace::work, for_users(), create},
      {"DELETE", "/nodes/{node}/qemu/{vmid}", Pace::work, all_of("/vms/{vmid}", {"VM.Allocate"}), remove},
      {"POST", "/nodes/{node}/qemu/{vmid}/clone", Pace::work,
       by_check(check_clone, "VM.Clone on /vms/{vmid} and VM.Allocate on /vms/{newid} or /pool/{pool}"),
       clone},
      {"GET", "/nodes/{node}/qemu/{vmid}/config", Pace::quick, see(), config},
      {"PUT", "/nodes/{node}/qemu/{vmid}/config", Pace::work, change_rule(), set_config},
      {"POST", "/nodes/{node}/qemu/{vmid}/config", Pace::work, change_rule(), set_config_task},
      {"GET", "/nodes/{node}/qemu/{vmid}/pending", Pace::quick, see(), pending},
      {"PUT", "/nodes/{node}/qemu/{vmid}/resize", Pace::work, all_of("/vms/{vmid}", {"VM.Config.Disk"}),
       resize},
      {"PUT", "/nodes/{node}/qemu/{vmid}/unlink", Pace::work, all_of("/vms/{vmid}", {"VM.Config.Disk"}),
       unlink},
      {"POST", "/nodes/{node}/qemu/{vmid}/template", Pace::work, all_of("/vms/{vmid}", {"VM.Allocate"}),
       make_template},
      {"GET", "/nodes/{node}/qemu/{vmid}/cloudinit", Pace::quick, see(), cloudinit_pending},
      {"PUT", "/nodes/{node}/qemu/{vmid}/cloudinit", Pace::work,
       all_of("/vms/{vmid}", {"VM.Config.Cloudinit"}), regenerate_cloudinit},
      {"GET", "/nodes/{node}/qemu/{vmid}/cloudinit/dump", Pace::quick, see(), cloudinit_dump},
  };
}

}  // namespace hlid::node::service
