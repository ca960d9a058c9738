#pragma once
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/homelab.h"
#include "model/observed.h"
#include "plan/step.h"

/// desired − observed, as a pure function: the same two values give the same plan, and applying a plan makes
/// the next one empty.
namespace hlid::plan {

/// What of the wanted cluster only others can tell: which release is meant, and whether it is to be had.
struct ClusterGoal {
  std::string version;  ///< "v1.34.1+rke2r1"; empty: cluster.version, and if that is empty, not known
  bool at_hand = true;  ///< its files are on this computer; else they must be fetched
  /// It is not at hand and cannot be had: what needs it waits. The first line names what is missing.
  struct Missing {
    std::string text;
    std::vector<std::string> hints;
  };
  std::optional<Missing> missing;
  bool servers_join_together = true;  ///< else one after the other: the release cannot do both at once
  /// Why the members may not go to `version`, each a sentence; empty: they may.
  std::vector<std::string> upgrade_refused;
  std::string upgrade_fix;
  std::string newer;  ///< what the channel has now, when the members stay where they are
};

struct Options {
  /// What the file's template would be (templates::content_key); empty: not known, then an existing one is
  /// taken as it is.
  std::string template_key;
  std::optional<Phase> only;
  /// Consents: "replace=NAME", "destroy=NAME". A new template never replaces anything by itself.
  std::set<std::string> allow;
  /// Steps (by id) that an earlier run left undone: apply::Unfinished::steps. Proof that a nameless locked
  /// guest at one of our VMIDs is our own interrupted clone, and that a machine may not be ready yet.
  std::set<std::string> unfinished;
  ClusterGoal cluster;  ///< when the file has a cluster
  /// Machines to be made anew whatever they are like (`hlid replace`); with the consent in `allow`.
  std::set<std::string> replace;
  /// At most so many members are upgraded; the rest stays for the next plan (`--pause`). 0: all.
  std::size_t most_upgrades = 0;
};

Plan make_plan(const model::Homelab& wanted, const model::Observed& there, const Options& options = {});

struct DestroyOptions {
  std::vector<std::string> names;  ///< empty: every machine of the lab, in the file or not
  bool with_template = false;      ///< only together with all machines
  std::set<std::string> unfinished;
};

/// What `hlid destroy` would do. Only what is proven ours; a name that is not there, or not ours, is a
/// refusal. Consent is the command's business: the steps are not held.
Plan make_destroy_plan(const model::Homelab& wanted, const model::Observed& there,
                       const DestroyOptions& options = {});

/// Where a machine of the file stands; `at_vmid` is the guest with its VMID, nullptr: none.
enum class Standing { absent, ours, half_made, foreign };
Standing standing_of(const model::Homelab& wanted, const model::Machine& machine,
                     const model::ObservedMachine* at_vmid, const std::set<std::string>& unfinished = {});

}  // namespace hlid::plan
