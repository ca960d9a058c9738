// What stops nothing and is better known: what is promised beyond what the host has, and what a directory
// lacks of the file system that its name promises.
#include <fmt/format.h>

#include "base/text.h"
#include "plan/draft.h"

namespace hlid::plan {
namespace {

struct Promised {
  int cores = 0;
  Bytes memory;
};

Promised promised_on(const Draft& draft, const std::string& node) {
  Promised sum;
  for (const auto& machine : draft.wanted.machines) {
    if (machine.node != node) continue;
    sum.cores += machine.cores;
    sum.memory.count += machine.memory.count;
  }
  return sum;
}

/// Running guests that are not machines of the file.
Bytes memory_of_others(const Draft& draft, const std::string& node) {
  Bytes sum;
  for (const auto& guest : draft.there.machines)
    if (guest.node == node && guest.power == model::Power::running && !is_ours(guest, draft.lab()))
      sum.count += guest.memory.count;
  return sum;
}

void note_node(Draft& draft, const model::ObservedNode& node) {
  const auto promised = promised_on(draft, node.name);
  const auto others = memory_of_others(draft, node.name);
  if (promised.memory.count + others.count > node.memory_total.count && node.memory_total.count > 0) {
    auto text = fmt::format("memory: the machines on '{}' may take {}", node.name, to_human(promised.memory));
    if (others.count > 0) text += fmt::format(" and other guests {}", to_human(others));
    draft.notice("memory-overcommit", node.name,
                 fmt::format("{}; it has {}. Memory is taken only when it is touched", text,
                             to_human(node.memory_total)));
  }
  if (promised.cores > node.cpus && node.cpus > 0)
    draft.notice("cpu-overcommit", node.name,
                 fmt::format("processors: the machines on '{}' have {} in all; it has {}", node.name,
                             promised.cores, node.cpus));
}

Bytes disk_wanted(const Draft& draft) {
  Bytes sum = draft.wanted.image.disk;
  for (const auto& machine : draft.wanted.machines) sum.count += machine.disk.count;
  return sum;
}

/// The storage's own numbers; those of `local` for one that is still to be made beside it.
const model::ObservedStorage* measured_storage(const Draft& draft) {
  const auto* storage = draft.index.storage(draft.first_node(), draft.wanted.proxmox.storage);
  if (storage == nullptr && draft.there.embedded) storage = draft.index.storage(draft.first_node(), "local");
  return storage;
}

void note_disk(Draft& draft) {
  const auto* storage = measured_storage(draft);
  const auto wanted = disk_wanted(draft);
  if (storage == nullptr || storage->total.count == 0 || wanted <= storage->total) return;
  const auto& id = draft.wanted.proxmox.storage;
  draft.notice("disk-overcommit", id,
               fmt::format("disk: the machines may grow to {} in all; '{}' has {}, {} of it free. Disk is "
                           "taken only when it is written",
                           to_human(wanted), id, to_human(storage->total), to_human(storage->free)));
}

}  // namespace

void note_overcommit(Draft& draft) {
  for (const auto& name : draft.wanted.proxmox.nodes)
    if (const auto* node = draft.index.node(name)) note_node(draft, *node);
  note_disk(draft);
}

void note_lacking_properties(Draft& draft) {
  const auto& id = draft.wanted.proxmox.storage;
  const auto* storage = draft.index.storage(draft.first_node(), id);
  const bool is_folder = storage != nullptr ? storage->type == "dir" : draft.there.embedded;
  if (!is_folder || !contains(to_lower(id), "zfs")) return;
  draft.notice("storage-lacks", id,
               fmt::format("'{}' is a folder here, not ZFS: no checksums, no compression, no snapshots of "
                           "raw disks; copy-on-write only where the file system below has it",
                           id));
}

}  // namespace hlid::plan
