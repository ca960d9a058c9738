// Filling the disks of machines that were cloned as a whole but began on their template's content: QEMU's own
// block-stream job, slowly, while the machine runs.
#include "base/log.h"
#include "node/storage/qcow2.h"
#include "node/vm/disks.h"
#include "node/vm/instant.h"

namespace hlid::node::vm {
namespace {

using instant::Stage;

constexpr const char* kJob = "hlid-detach";
constexpr std::int64_t kQuietSeconds = 300;         // a machine that has just started has better things to do
constexpr std::int64_t kBytesPerSecond = 64 << 20;  // of every machine; zeros count

bool is_being_filled(qemu::QmpClient& qmp) {
  const json::value jobs = qmp.execute("query-block-jobs");
  for (const auto& job : jobs.as_array())
    if (get_string(job.as_object(), "device") == kJob) return true;
  return false;
}

/// The drive that has the volume, if the configuration still has it.
std::optional<std::string> drive_of(const config::StoredVm& vm, const std::string& volume) {
  for (const auto& drive : qemu::drives_of(vm.config.main))
    if (drive.volume == volume) return drive.key;
  return std::nullopt;
}

void look_at(Core& core, Vmid vmid) {
  const VmLock lock = core.configs().try_lock(vmid);
  const auto record = core.records.find(vmid);
  const auto vm = core.configs().find(vmid);
  if (!lock || !record || record->stage != Stage::settled || vm == nullptr) return;
  const auto [on, volume] = core.parts.storages.resolve(record->volume);
  const auto header = on->exists(volume) ? storage::read_qcow2_header(on->path_of(volume)) : std::nullopt;
  const auto key = drive_of(*vm, record->volume);
  if (!header || header->backing_file.empty() || !key) {
    log::info("machine {} has a disk of its own now", vmid.value);
    return core.records.remove(vmid);
  }
  const auto running = core.runtime.find(vmid);
  if (running == nullptr || process_uptime(running->process) < kQuietSeconds) return;
  const auto qmp = running->qmp();
  if (is_being_filled(*qmp)) return;
  log::info("machine {}: its disk gets what it still reads from its template", vmid.value);
  qmp->execute("block-stream", {{"job-id", kJob}, {"device", "drive-" + *key}, {"speed", kBytesPerSecond}});
}

}  // namespace

void detach_disks(Core& core) {
  for (const Vmid vmid : core.records.all()) {
    try {
      look_at(core, vmid);
    } catch (const Error& error) {
      log::debug("machine {}: {}", vmid.value, error.what());
    }
  }
}

void pause_detaching(const Core& core, const RunningVmPtr& vm) {
  const auto qmp = vm->qmp();
  if (!is_being_filled(*qmp)) return;
  qmp->execute("block-job-cancel", {{"device", kJob}});
  for (int i = 0; i < 100 && is_being_filled(*qmp); ++i)
    core.parts.clock.sleep(std::chrono::milliseconds(100));
}

}  // namespace hlid::node::vm
