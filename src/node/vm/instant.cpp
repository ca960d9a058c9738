// Which clones become instant machines, and what a daemon finds of them when it starts.
#include "node/vm/instant.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "node/instant/identity_file.h"
#include "node/storage/qcow2.h"
#include "node/vm/disks.h"
#include "node/vm/guest_program.h"
#include "node/vm/power.h"
#include "sys/files.h"
#include "wire/api_error.h"

namespace hlid::node::vm {
namespace {

using instant::Stage;

std::vector<qemu::Drive> disks_with_content(const Section& values) {
  std::vector<qemu::Drive> out;
  for (auto& drive : qemu::drives_of(values))
    if (!drive.is_cdrom() && request_of(drive) == DriveRequest::existing) out.push_back(std::move(drive));
  return out;
}

/// Of every machine's disk: does it read this file?
bool is_read_by_machines(const Core& core, const std::filesystem::path& file) {
  for (const auto& vm : core.configs().all()) {
    for (const auto& volume : volumes_of(vm->config)) {
      const auto id = wire::parse_volume_id(volume);
      const auto on = id ? core.parts.storages.find_if_exists(id->storage) : nullptr;
      if (on != nullptr && storage::reads_from(on->path_of(*id), file)) return true;
    }
  }
  return false;
}

bool has_device(qemu::QmpClient& qmp, std::string_view id) {
  const json::value devices = qmp.execute("qom-list", {{"path", "/machine/peripheral"}});
  const auto& list = devices.as_array();
  return std::any_of(list.begin(), list.end(),
                     [&](const json::value& one) { return get_string(one.as_object(), "name") == id; });
}

void complete(Core& core, Vmid vmid) {
  const VmLock lock = core.configs().try_lock(vmid);
  auto record = core.records.find(vmid);
  const auto vm = core.configs().find(vmid);
  const auto running = core.runtime.find(vmid);
  if (!lock || !record || vm == nullptr || running == nullptr) return;
  if (record->stage != Stage::growing && record->stage != Stage::serving) return;
  // The daemon that had begun this was killed.
  if (record->stage == Stage::serving) {
    start_services(core, *running, {});
    record->stage = Stage::growing;
    core.records.write(vmid, *record);
  }
  const auto qmp = running->qmp();
  if (!has_device(*qmp, instant::kMemoryDevice)) {
    for (const auto& command : instant::memory_commands(vm->config.main))
      qmp->execute(command.name, command.arguments);
  }
  if (const auto why = adapt_to_memory(*running, qemu::memory_mib(vm->config.main)); !why.empty())
    log::warn("machine {}: its limits are those of less memory: {}", vmid.value, why);
  settle(core, vmid, *record);
}

/// What a killed daemon had begun to resume is ended; its next start boots it.
void end_half_resumed(Core& core, Vmid vmid, Stage stage) {
  if (stage != Stage::resuming) return;
  const auto running = core.runtime.find(vmid);
  if (running == nullptr) return;
  log::info("machine {} was only half resumed: ending it, its next start boots it", vmid.value);
  kill_qemu(core, running);
}

}  // namespace

bool can_be_instant(const Core& core, const Section& source, const std::string& description) {
  if (!instant::is_wanted(core.records.setting(), description)) return false;
  const auto disks = disks_with_content(source);
  if (disks.size() != 1 || source.contains("efidisk0") || source.contains("tpmstate0")) return false;
  const auto [on, volume] = core.parts.storages.resolve(disks.front().volume);
  return on->is_base(volume) && on->exists(volume);
}

void remember_instant(Core& core, Vmid vmid, const Section& source, const Section& clone, bool full) {
  const auto own = disks_with_content(clone);
  const auto [on, volume] = core.parts.storages.resolve(disks_with_content(source).front().volume);
  // The comment that ssh-keygen gives a key which the machine itself makes.
  const auto name = clone.get("name", "VM" + to_string(vmid));
  core.records.write_host_keys(
      vmid, instant::make_host_keys(core.parts.processes, "root@" + name.substr(0, name.find('.'))));
  core.records.write(
      vmid, {Stage::fresh, own.front().volume, on->path_of(volume).string(), on->format_of(volume), full});
}

void settle(Core& core, Vmid vmid, instant::Record record) {
  if (!record.full) return core.records.remove(vmid);
  record.stage = Stage::settled;
  core.records.write(vmid, record);
}

void complete_instant(Core& core) {
  for (const Vmid vmid : core.records.all()) {
    try {
      complete(core, vmid);
    } catch (const Error& error) {
      log::warn("machine {}: it is not complete yet: {}", vmid.value, error.what());
    }
  }
}

void repair_instant(Core& core) {
  for (const Vmid vmid : core.records.all()) {
    try {
      if (core.configs().find(vmid) == nullptr) {
        core.records.forget(vmid);
        continue;
      }
      if (const auto record = core.records.find(vmid)) end_half_resumed(core, vmid, record->stage);
    } catch (const Error& error) {
      log::warn("machine {}: {}", vmid.value, error.what());
    }
  }
  prune_warm_copies(core);
}

void prune_warm_copies(Core& core) {
  core.warm.prune([&core](const instant::WarmCopy& copy) { return is_read_by_machines(core, copy.disk()); });
}

}  // namespace hlid::node::vm
