// The first start of an instant machine: resumed from the warm copy, or booted, and why.
#include <algorithm>

#include "base/text.h"
#include "node/storage/qcow2.h"
#include "node/vm/instant.h"
#include "node/vm/resumption.h"
#include "wire/size.h"

namespace hlid::node::vm {
namespace {

using instant::Record;
using instant::Stage;

/// Why a machine that could be resumed must not be; empty: it may.
std::string refusal(const Core& core, const Record& record, const Section& values) {
  if (!instant::is_wanted(core.records.setting(), values.get("description")))
    return "the node's setting and the machine's description do not ask for it any more";
  if (auto why = instant::obstacle(values); !why.empty()) return why;
  if (instant::system_disk(values).volume != record.volume)
    return "its disk is another one than that of its clone";
  return {};
}

bool has_disk_of(const Record& record, const Section& values) {
  for (const auto& drive : qemu::drives_of(values))
    if (drive.volume == record.volume) return true;
  return false;
}

/// A start that a kill or an error cut off: the disk begins anew.
void recover(Core& core, const VmLock& lock, const Section& values, Record record, TaskContext& context) {
  context.log(fmt::format("the last start was cut off ({}): booting", to_string(record.stage)));
  if (has_disk_of(record, values)) {
    const auto [on, volume] = core.parts.storages.resolve(record.volume);
    const auto wanted = wire::parse_size(instant::system_disk(values).options.get_or("size", "0"));
    const auto size =
        std::max(storage::image_size(record.base, record.base_format), wanted.value_or(Bytes{}));
    on->renew_over(volume, {record.base, record.base_format}, size);
  }
  settle(core, lock.vmid(), std::move(record));
}

/// False: it is to be booted.
bool resume(Core& core, const VmLock& lock, const Section& values, const Record& record,
            TaskContext& context) {
  Resumption resumption(core, lock, values, record, context);
  std::string problem;
  bool begun = false;
  try {
    const auto copy = resumption.prepare();
    begun = true;
    resumption.run(copy);
    return true;
  } catch (const Error& error) {
    problem = error.what();
  }
  const bool interrupted = context.stop_token().stop_requested();
  if (begun) resumption.start_over(interrupted ? Stage::fresh : Stage::settled);
  if (interrupted) throw Error(Errc::interrupted, "received interrupt");
  if (!begun) resumption.leave();
  context.log(fmt::format("cannot be resumed: {}; booting", problem));
  return false;
}

}  // namespace

bool resume_instant(Core& core, const VmLock& lock, const Section& values, TaskContext& context) {
  const auto record = core.records.find(lock.vmid());
  if (!record || record->stage == Stage::settled) return false;
  if (record->stage == Stage::serving || record->stage == Stage::growing) {  // a boot gives it what it lacked
    settle(core, lock.vmid(), *record);
    return false;
  }
  if (record->stage != Stage::fresh) {
    recover(core, lock, values, *record, context);
    return false;
  }
  if (const auto why = refusal(core, *record, values); !why.empty()) {
    context.log(fmt::format("cannot be resumed: {}; booting", why));
    settle(core, lock.vmid(), *record);
    return false;
  }
  return resume(core, lock, values, *record, context);
}

}  // namespace hlid::node::vm
