#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/homelab.h"
#include "model/observed.h"
#include "plan/diff.h"
#include "plan/members.h"

/// The plan under construction: what the parts of the diff share.
namespace hlid::plan {

/// What is there, by VMID and by name.
class Index {
 public:
  explicit Index(const model::Observed& there);
  const model::ObservedMachine* at(Vmid vmid) const;
  /// Guests of that name; usually none or one (Proxmox does not forbid more).
  const std::vector<const model::ObservedMachine*>& named(const std::string& name) const;
  const model::ObservedNode* node(const std::string& name) const;
  const model::ObservedStorage* storage(const std::string& node, const std::string& id) const;

 private:
  const model::Observed& there_;
  std::unordered_map<Vmid, const model::ObservedMachine*> by_vmid_;
  std::unordered_map<std::string, std::vector<const model::ObservedMachine*>> by_name_;
  std::vector<const model::ObservedMachine*> none_;
};

/// Steps are added in an order that respects their edges: a step only ever waits for earlier ones.
class Draft {
 public:
  Draft(const model::Homelab& wanted, const model::Observed& there, const Options& options);

  const model::Homelab& wanted;
  const model::Observed& there;
  const Options& options;
  Index index;
  Members members;
  Plan plan;

  /// A step about `subject`, after `after` (indexes of steps; nullopt means there is no such step).
  std::size_t add(Step step, const std::vector<std::optional<std::size_t>>& after = {});
  void hold(Step step) { plan.held.push_back(named(std::move(step))); }
  void refuse(std::string code, std::string subject, std::string text, std::string hint);
  void notice(std::string code, std::string subject, std::string text);
  bool allowed(const std::string& consent) const { return options.allow.count(consent) != 0; }
  bool was_unfinished(StepKind kind, const std::string& subject) const;

  const std::string& lab() const { return wanted.name; }
  const std::string& first_node() const { return wanted.proxmox.nodes.front(); }

  // what the machines wait for, once planned
  std::optional<std::size_t> storage_step;
  std::optional<std::size_t> iso_storage_step;
  std::optional<std::size_t> network_step;
  std::optional<std::size_t> template_step;
  std::string
      effective_key;  ///< of the template that machines are cloned from once this plan is done; "" unknown
  // what the cluster's steps and those of its machines wait for, by the machine's name
  std::set<std::string> made;                ///< made anew: nothing is in it yet
  std::map<std::string, std::size_t> ready;  ///< its last step after which it runs and can be entered
  std::map<std::string, std::size_t> left;   ///< the step by which it leaves the cluster
  /// A member that is away for a while or made anew; cluster_order.cpp lets them take turns.
  struct Interruption {
    std::string machine;
    std::size_t first = 0, last = 0;
  };
  std::vector<Interruption> interruptions;
  std::map<Vmid, std::size_t> removed;            ///< guest that is removed → its last step
  std::map<Ipv4, std::size_t> removed_addresses;  ///< the address it gives free → the same

 private:
  Step named(Step step);
  std::set<std::string> ids_;
};

/// "clone NAME": the id of a step.
std::string step_id(StepKind kind, const std::string& subject);

/// A step with the fields that all have.
Step make_step(StepKind kind, const std::string& subject, Vmid vmid, const std::string& node,
               model::Disruption disruption, std::vector<std::string> reasons);

/// An interrupted clone or create of ours, proven by the journal: no name of its own yet, and locked.
bool is_nameless_leftover(const model::ObservedMachine& machine);
/// Lock words that an interrupted clone or create leaves.
bool has_making_lock(const model::ObservedMachine& machine);
/// Proven ours: all four proofs, or the mark of a machine that never was finished.
bool is_ours(const model::ObservedMachine& machine, const std::string& lab);
/// Why it is not ours, for the refusal: "its tags are 'x', not 'hlid;lab'".
std::string why_not_ours(const model::ObservedMachine& machine, const std::string& lab);

/// The steps that remove a guest of ours, one after the other: unlock, shutdown or stop, destroy.
std::vector<Step> removal_of(const model::Homelab& wanted, const model::ObservedMachine& machine,
                             model::Disruption disruption, const std::string& reason);
/// Whether it is a member shows only when servers run: until then nothing of it is removed. Notes so and is
/// true.
bool wait_to_be_seen(Draft& draft, const model::ObservedMachine& machine);
/// How a machine of ours, which is going to be removed, is taken out of the cluster first: it leaves, or is
/// forgotten when it is dead. nullopt: it is no member, or the cluster ends with it.
std::optional<Step> parting_of(const Draft& draft, const model::ObservedMachine& machine,
                               model::Disruption disruption, const std::string& reason);
/// A member cannot be taken out of a cluster that does not answer, and not the last server. Refuses and is
/// true.
bool refuse_parting(Draft& draft, const model::ObservedMachine& machine);
/// Adds them after `after` and remembers what they give free; the last one's index.
std::size_t add_removal(Draft& draft, const model::ObservedMachine& machine, model::Disruption disruption,
                        const std::string& reason, const std::vector<std::optional<std::size_t>>& after = {});
/// A lock that is no leftover of ours: somebody is at work there. Refuses and is true.
bool refuse_locked(Draft& draft, const model::ObservedMachine& machine);

// the parts, in their order
void plan_host(Draft& draft);     ///< nodes, storages, bridge
void plan_publish(Draft& draft);  ///< ports of the embedded node's host
/// As far as the lab has published any: all of them away.
void plan_publish_nothing(Draft& draft);
void plan_removals(Draft& draft);  ///< machines of ours that the file does not name, and those to be replaced
void plan_image(Draft& draft);
void plan_machines(Draft& draft);
void plan_cluster(Draft& draft);  ///< its members; with the edges from and to what is done to their machines
void note_overcommit(Draft& draft);
void note_lacking_properties(Draft& draft);
void keep_phase(Draft& draft, Phase phase);

/// The steps that are kept, with the edges between them.
void drop_steps(Plan& plan, const std::vector<bool>& keep);

}  // namespace hlid::plan
