// Each machine of the file: made when it is absent, finished or made anew when an interrupted run left it
// half made, changed where it differs, started when it does not run; refused when what is there is not ours.
#include <fmt/format.h>

#include "base/text.h"
#include "plan/changes.h"
#include "plan/draft.h"

namespace hlid::plan {
namespace {

using model::Disruption;
using model::Machine;
using model::ObservedMachine;
using model::Power;
using After = std::optional<std::size_t>;

class MachinePlanner {
 public:
  explicit MachinePlanner(Draft& draft) : draft_(draft) {}

  void plan(const Machine& machine) {
    const auto* there = draft_.index.at(machine.vmid);
    if (there != nullptr && draft_.removed.count(machine.vmid) != 0 && there->name != machine.name)
      there = nullptr;
    switch (standing_of(draft_.wanted, machine, there, draft_.options.unfinished)) {
      case Standing::absent:
        return make(machine, "does not exist");
      case Standing::half_made:
        return finish(machine, *there);
      case Standing::ours:
        return change(machine, *there);
      case Standing::foreign:
        return refuse_taken(machine, *there);
    }
  }

  /// What concerns several of them.
  void close() {
    if (outdated_.empty()) return;
    draft_.notice(
        "machine-outdated", outdated_.size() == 1 ? outdated_.front() : "",
        fmt::format("made from an older template, and left as they are: {}. To make one anew and lose its "
                    "data: --allow replace=NAME",
                    join(outdated_, ", ")));
  }

 private:
  Step step(StepKind kind, const Machine& machine, Disruption disruption = Disruption::none,
            std::vector<std::string> reasons = {}) const {
    return make_step(kind, machine.name, machine.vmid, machine.node, disruption, std::move(reasons));
  }

  // --- making

  void make(const Machine& machine, const std::string& reason) {
    if (refuse_name(machine) || refuse_address(machine)) return;
    const auto cloned = draft_.add(clone_step(machine, reason),
                                   {draft_.template_step, draft_.storage_step, removed_at(machine)});
    complete(machine, size_of_template(), cloned);
  }

  /// An image of one's own tells its size only to who opens it: then the resize is planned, and does nothing
  /// where nothing is to be grown.
  Bytes size_of_template() const {
    const auto& image = draft_.wanted.image;
    return image.image_file.empty() ? image.disk : Bytes{};
  }

  Step clone_step(const Machine& machine, const std::string& reason) const {
    auto clone = step(StepKind::clone, machine, Disruption::none, {reason});
    const auto& storage = draft_.wanted.proxmox.storage;
    auto description = "hlid-machine: " + model::machine_mark(draft_.lab(), machine.name);
    if (!draft_.effective_key.empty()) description += "\nhlid-template: " + draft_.effective_key;
    if (draft_.there.embedded)
      description += std::string("\nhlid-instant: ") + (machine.instant ? "on" : "off");
    clone.details = {{"source", to_string(draft_.wanted.image.vmid)},
                     {"full", machine.linked_clone ? "0" : "1"},
                     {"storage", storage},
                     {"node", machine.node},
                     {"description", description}};
    clone.resource = "storage:" + storage;
    return clone;
  }

  /// From a clone with a disk of `disk` to a machine that is ready.
  void complete(const Machine& machine, Bytes disk, After cloned) {
    draft_.made.insert(machine.name);
    auto configure = step(StepKind::configure, machine);
    for (const auto& change : everything_of(draft_.wanted, machine))
      configure.details.emplace(change.key, change.value);
    After last = draft_.add(std::move(configure), {cloned});
    if (disk < machine.disk) last = draft_.add(resize_step(machine, Disruption::none, {}), {last});
    start(machine, {last, draft_.network_step, address_freed(machine)}, "", false);
  }

  Step resize_step(const Machine& machine, Disruption disruption, std::vector<std::string> reasons) const {
    auto resize = step(StepKind::resize_disk, machine, disruption, std::move(reasons));
    resize.details = {{"size", std::to_string(machine.disk.count)}};
    return resize;
  }

  After start(const Machine& machine, const std::vector<After>& after, const std::string& reason,
              bool resume) {
    auto starting = step(StepKind::start, machine, Disruption::none,
                         reason.empty() ? std::vector<std::string>{} : std::vector{reason});
    if (resume) starting.details = {{"resume", "1"}};
    starting.resource = "start:" + machine.node;
    ready_ = wait_ready(machine, {draft_.add(std::move(starting), after)});
    return ready_;
  }

  After wait_ready(const Machine& machine, const std::vector<After>& after, const std::string& reason = {}) {
    auto reasons = reason.empty() ? std::vector<std::string>{} : std::vector{reason};
    const auto waited =
        draft_.add(step(StepKind::wait_ready, machine, Disruption::none, std::move(reasons)), after);
    draft_.ready[machine.name] = waited;
    return waited;
  }

  After removed_at(const Machine& machine) const {
    const auto found = draft_.removed.find(machine.vmid);
    return found == draft_.removed.end() ? std::nullopt : After(found->second);
  }

  After address_freed(const Machine& machine) const {
    const auto found = draft_.removed_addresses.find(machine.address.address);
    return found == draft_.removed_addresses.end() ? std::nullopt : After(found->second);
  }

  // --- what an interrupted run left

  void finish(const Machine& machine, const ObservedMachine& there) {
    const bool whole = there.lock.empty() && !there.name.empty() && there.disk.count > 0;
    if (whole) {
      note_interrupted(machine, "its clone was finished by an earlier run; the rest is done now");
      return complete(machine, there.disk, std::nullopt);
    }
    // the embedded node clears what a killed clone left when it starts: a lock there is a clone at work, and
    // the clone step waits for it
    if (draft_.there.embedded && !there.mark.empty() && has_making_lock(there))
      return make(machine, "an earlier run's clone is still being made");
    add_removal(draft_, there, Disruption::none, "left half made by an interrupted run");
    make(machine, "made anew after an interrupted run");
  }

  void note_interrupted(const Machine& machine, const std::string& text) {
    draft_.notice("machine-half-made", machine.name, fmt::format("'{}': {}", machine.name, text));
  }

  // --- changing

  void change(const Machine& machine, const ObservedMachine& there) {
    if (wants_replacing(machine, there) && !wait_to_be_seen(draft_, there)) return replace(machine, there);
    if (refuse_shrink(machine, there) || refuse_role(machine)) return;
    note_differences(machine, there);
    const auto changes = changes_of(draft_.wanted, machine, there);
    const bool grows = there.disk < machine.disk;
    if (nothing_to_do(machine, there, changes, grows)) return;
    const bool hibernated =
        there.lock == "suspended" && changes.empty() && !grows;  // starting it lifts that lock
    if (!hibernated && refuse_busy(machine, there)) return;
    bool restart = !there.pending.empty();
    for (const auto& one : changes) restart = restart || one.disruption == Disruption::reboot;
    After last = configure(machine, there, changes);
    if (grows)
      last = draft_.add(resize_step(machine, Disruption::live, {grow_reason(machine, there)}), {last});
    bring_up(machine, there, last, restart, changes);
  }

  bool nothing_to_do(const Machine& machine, const ObservedMachine& there, const std::vector<Change>& changes,
                     bool grows) const {
    return changes.empty() && !grows && there.power == Power::running && there.pending.empty() &&
           !may_not_be_ready(machine);
  }

  bool may_not_be_ready(const Machine& machine) const {
    return draft_.was_unfinished(StepKind::wait_ready, machine.name);
  }

  static std::string grow_reason(const Machine& machine, const ObservedMachine& there) {
    return fmt::format("disk {} → {}", to_string(there.disk), to_string(machine.disk));
  }

  After configure(const Machine& machine, const ObservedMachine& there, const std::vector<Change>& changes) {
    if (changes.empty()) return std::nullopt;
    const bool stopped = there.power == Power::stopped;
    auto configure = step(StepKind::configure, machine, stopped ? Disruption::none : Disruption::live);
    for (const auto& one : changes) {
      configure.details.emplace(one.key, one.value);
      configure.reasons.push_back(one.reason);
    }
    return draft_.add(std::move(configure));
  }

  void bring_up(const Machine& machine, const ObservedMachine& there, After last, bool restart,
                const std::vector<Change>& changes) {
    switch (there.power) {
      case Power::stopped:
        start(machine, {last, draft_.network_step, address_freed(machine)}, "it is stopped", false);
        return;
      case Power::paused:
        last = start(machine, {last, draft_.network_step}, "it is paused", true);
        if (restart) reboot(machine, there, last, changes);
        return;
      case Power::running:
        if (restart) return reboot(machine, there, last, changes);
        if (may_not_be_ready(machine)) wait_ready(machine, {last}, "an earlier run did not see it ready");
        return;
      case Power::unknown:
        return;  // refused before
    }
  }

  /// One machine at a time: the next restarts, or is replaced, when this one is ready again.
  void reboot(const Machine& machine, const ObservedMachine& there, After last,
              const std::vector<Change>& changes) {
    std::vector<std::string> keys;
    for (const auto& one : changes)
      if (one.disruption == Disruption::reboot) keys.push_back(one.key);
    for (const auto& key : there.pending) keys.push_back(key + " (pending)");
    const auto reason = fmt::format("{} in effect after a restart", join(keys, ", "));
    auto rebooting = step(StepKind::reboot, machine, Disruption::reboot, {reason});
    if (is_member(machine)) return reboot_member(machine, std::move(rebooting), last);
    const auto rebooted = draft_.add(std::move(rebooting), {last, last_disruption_});
    last_disruption_ = wait_ready(machine, {rebooted});
  }

  /// When its turn is, is the cluster's business (cluster_order.cpp).
  void reboot_member(const Machine& machine, Step rebooting, After last) {
    const auto drained = draft_.add(step(StepKind::drain_member, machine), {last});
    const auto rebooted = draft_.add(std::move(rebooting), {drained});
    const auto can_be_entered = draft_.ready;  // what mends it as a member comes before its turn, not after
    const auto ready = wait_ready(machine, {rebooted});
    draft_.ready = can_be_entered;
    const auto returned = draft_.add(step(StepKind::return_member, machine), {ready});
    draft_.interruptions.push_back({machine.name, drained, returned});
  }

  bool is_member(const Machine& machine) const {
    return machine.role != model::Role::plain && draft_.members.answers() &&
           draft_.members.knows(machine.name) && !draft_.members.is_bare(machine.name);
  }

  // --- replacing, with consent only

  std::string consent(const Machine& machine) const { return "replace=" + machine.name; }

  bool is_outdated(const ObservedMachine& there) const {
    return !there.template_key.empty() && !draft_.effective_key.empty() &&
           there.template_key != draft_.effective_key;
  }

  bool elsewhere(const ObservedMachine& there) const {
    return !there.storage.empty() && there.storage != draft_.wanted.proxmox.storage;
  }

  bool wants_replacing(const Machine& machine, const ObservedMachine& there) const {
    return draft_.allowed(consent(machine)) &&
           (is_outdated(there) || elsewhere(there) || machine.disk < there.disk || has_other_role(machine) ||
            draft_.options.replace.count(machine.name) != 0);
  }

  /// An agent does not become a server where it stands, nor the other way round.
  bool has_other_role(const Machine& machine) const {
    const auto* inside = draft_.members.inside(machine.name);
    return draft_.wanted.cluster && machine.role != model::Role::plain && inside != nullptr &&
           inside->unit != model::Role::plain && inside->unit != machine.role;
  }

  bool refuse_role(const Machine& machine) {
    if (!has_other_role(machine)) return false;
    const bool server = machine.role == model::Role::server;
    draft_.refuse("role-changed", machine.name,
                  fmt::format("'{}' is {} of the cluster, the file says {}", machine.name,
                              server ? "an agent" : "a server", server ? "server" : "agent"),
                  fmt::format("write its old role, or make it anew: --allow {}", consent(machine)));
    return true;
  }

  void replace(const Machine& machine, const ObservedMachine& there) {
    if (refuse_busy(machine, there) || refuse_parting(draft_, there)) return;
    std::vector<std::string> why;
    if (draft_.options.replace.count(machine.name) != 0) why.emplace_back("to be made anew");
    if (has_other_role(machine)) why.emplace_back("another role in the cluster");
    if (is_outdated(there)) why.emplace_back("made from an older template");
    if (elsewhere(there))
      why.push_back(fmt::format("disk on '{}', not '{}'", there.storage, draft_.wanted.proxmox.storage));
    if (machine.disk < there.disk) why.push_back(grow_reason(machine, there));
    const bool parts = parting_of(draft_, there, Disruption::replace, {}).has_value();
    add_removal(draft_, there, Disruption::replace, join(why, "; "),
                {draft_.template_step, parts ? std::nullopt : last_disruption_});
    make(machine, "replaced with your consent");
    if (!ready_) return;
    if (parts)
      draft_.interruptions.push_back({machine.name, draft_.left.at(machine.name), *ready_});
    else
      last_disruption_ = ready_;
  }

  void note_differences(const Machine& machine, const ObservedMachine& there) {
    if (is_outdated(there)) outdated_.push_back(machine.name);
    if (elsewhere(there))
      draft_.notice("machine-elsewhere", machine.name,
                    fmt::format("the disk of '{}' lies on '{}', the file says '{}'; it is not moved",
                                machine.name, there.storage, draft_.wanted.proxmox.storage));
    if (there.node != machine.node)
      draft_.notice("machine-elsewhere", machine.name,
                    fmt::format("'{}' runs on node '{}', the file says '{}'; it is not moved", machine.name,
                                there.node, machine.node));
  }

  // --- refusing

  bool refuse_shrink(const Machine& machine, const ObservedMachine& there) {
    if (machine.disk >= there.disk || draft_.allowed(consent(machine))) return false;
    draft_.refuse(
        "disk-shrink", machine.name,
        fmt::format("the disk of '{}' has {}, the file says {}; a disk cannot shrink", machine.name,
                    to_string(there.disk), to_string(machine.disk)),
        fmt::format("write {}, or lose its data: --allow {}", to_string(there.disk), consent(machine)));
    return true;
  }

  bool refuse_busy(const Machine& machine, const ObservedMachine& there) {
    if (there.power == Power::unknown) {
      draft_.refuse("machine-unknown", machine.name,
                    fmt::format("what '{}' is doing is unknown", machine.name),
                    fmt::format("is node '{}' online?", there.node));
      return true;
    }
    if (there.lock.empty()) return false;
    draft_.refuse(
        "machine-locked", machine.name, fmt::format("'{}' is locked ({})", machine.name, there.lock),
        fmt::format("wait until that is over; if nothing is at work: qm unlock {}", there.vmid.value));
    return true;
  }

  void refuse_taken(const Machine& machine, const ObservedMachine& there) {
    if (is_ours(there, draft_.lab()) && there.name != machine.name) {
      return draft_.refuse(
          "vmid-taken", machine.name,
          fmt::format("VMID {} of '{}' is that of '{}', a machine of this lab that the file does not name so",
                      machine.vmid.value, machine.name, there.name),
          there.is_template
              ? std::string("give the group another 'vmid'")
              : fmt::format("give the group another 'vmid', or destroy it: --allow destroy={}", there.name));
    }
    draft_.refuse("vmid-taken", machine.name,
                  fmt::format("VMID {} of '{}' belongs to '{}', which is not ours: {}", machine.vmid.value,
                              machine.name, there.name, why_not_ours(there, draft_.lab())),
                  there.name == machine.name
                      ? fmt::format("if it is this lab's, give it back tags '{}' and uuid {}",
                                    join(model::ownership_tags(draft_.lab()), ";"),
                                    machine_uuid(draft_.lab(), machine.name).text)
                      : std::string("give the group another 'vmid'"));
  }

  /// The name belongs to somebody else's guest. Ours under another VMID is plan_removals' business.
  bool refuse_name(const Machine& machine) {
    for (const auto* guest : draft_.index.named(machine.name)) {
      if (guest->vmid == machine.vmid || is_ours(*guest, draft_.lab())) continue;
      draft_.refuse("name-taken", machine.name,
                    fmt::format("the name '{}' is that of VM {}, which is not ours: {}", machine.name,
                                guest->vmid.value, why_not_ours(*guest, draft_.lab())),
                    "rename that guest, or the group in the file");
      return true;
    }
    return false;
  }

  /// A held machine of ours that still has the address of the one to be made.
  bool refuse_address(const Machine& machine) {
    for (const auto& held : draft_.plan.held) {
      const auto* guest = draft_.index.at(held.vmid);
      if (guest == nullptr || !guest->address || guest->address->address != machine.address.address) continue;
      draft_.refuse("address-taken", machine.name,
                    fmt::format("{} of '{}' is used by '{}', which the file does not name",
                                to_string(machine.address.address), machine.name, guest->name),
                    fmt::format("give the group another 'address', or destroy it: --allow {}", held.consent));
      return true;
    }
    return false;
  }

  Draft& draft_;
  After last_disruption_;  ///< the last step of the machine that was rebooted or replaced last
  After ready_;            ///< of the machine planned last
  std::vector<std::string> outdated_;
};

}  // namespace

Standing standing_of(const model::Homelab& wanted, const Machine& machine, const ObservedMachine* there,
                     const std::set<std::string>& unfinished) {
  if (there == nullptr) return Standing::absent;
  if (there->is_template) return Standing::foreign;
  if (is_nameless_leftover(*there) && unfinished.count(step_id(StepKind::clone, machine.name)) != 0)
    return Standing::half_made;
  if (there->name != machine.name) return Standing::foreign;
  if (model::is_owned(*there, wanted.name)) return Standing::ours;
  return is_ours(*there, wanted.name) ? Standing::half_made : Standing::foreign;
}

void plan_machines(Draft& draft) {
  MachinePlanner planner(draft);
  for (const auto& machine : draft.wanted.machines) planner.plan(machine);
  planner.close();
}

}  // namespace hlid::plan
