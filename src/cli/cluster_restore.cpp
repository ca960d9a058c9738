#include "cluster/restore.h"

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/cluster_commands.h"
#include "cli/cluster_work.h"
#include "cli/lab_file.h"
#include "cli/terminal.h"
#include "cluster/probe.h"

namespace hlid::cli {
namespace {

struct RestoreOptions {
  std::string file = "homelab.yaml";
  std::string bundle;
  std::string on;
  bool own_data = false;
  bool dry_run = false;
  bool yes = false;
  bool json = false;
};

std::optional<cluster::Bundle> read_whole(const ClusterWork& work, const RestoreOptions& options) {
  if (options.own_data && options.bundle.empty()) return std::nullopt;
  if (options.own_data || options.bundle.empty())
    throw Error(Errc::usage, "name a BUNDLE, or say --own-data for what a server has on its disk")
        .with_hint("hlid cluster snapshot list");
  auto path = std::filesystem::path(options.bundle);
  if (options.bundle == "latest") {
    const auto all = cluster::list_bundles(work.snapshots());
    if (all.empty())
      throw Error(Errc::precondition, "there is no bundle in {}", work.snapshots().string())
          .with_hint("name the file: hlid cluster restore BUNDLE");
    path = all.back().file;
  }
  auto bundle = cluster::read_bundle(path);
  cluster::verify_bundle(bundle);
  return bundle;
}

/// Of a release that is at hand; nothing is fetched for it: only servers that were made anew need it.
std::string kube_vip_image(ClusterWork& work, const std::string& version_text) {
  const auto version = cluster::Version::parse(version_text);
  if (!work.lab().cluster->vip || !version) return "";
  try {
    const auto release = cluster::find_release(*work.lab().cluster, *version, work.releases());
    return release ? release->kube_vip_image : "";
  } catch (const Error& error) {
    if (error.code() == Errc::interrupted) throw;
    return "";
  }
}

json::array names(const std::vector<std::string>& list) {
  json::array out;
  for (const auto& name : list) out.push_back(json::string(name));
  return out;
}

void show(const cluster::RestorePlan& plan, bool json) {
  if (json)
    return print_line(to_text(json::object{{"event", "plan"},
                                           {"target", plan.target},
                                           {"rejoin", names(plan.rejoin)},
                                           {"agents", names(plan.agents)},
                                           {"left_to_up", names(plan.left_to_up)},
                                           {"refusals", names(plan.refusals)}}));
  if (!plan.target.empty()) print_line("  reset to a cluster of itself: " + plan.target);
  if (!plan.rejoin.empty()) print_line("  then join it, one by one:     " + join(plan.rejoin, ", "));
  if (!plan.agents.empty()) print_line("  come back:                    " + join(plan.agents, ", "));
  if (!plan.left_to_up.empty()) print_line("  joined by 'hlid up' later:    " + join(plan.left_to_up, ", "));
}

std::string warning(const std::optional<cluster::Bundle>& bundle, const cluster::RestorePlan& plan) {
  if (!bundle)
    return fmt::format("This resets the cluster to what '{}' has on its disk. What only others had is lost.",
                       plan.target);
  return fmt::format("This takes the cluster back to {} UTC. Everything that was written since is lost.",
                     time_text(bundle->taken_at));
}

void refuse(const cluster::RestorePlan& plan, const std::string& lab) {
  if (plan.refusals.empty()) return;
  Error error(Errc::precondition, "cannot restore '{}': {}", lab, join(plan.refusals, "; "));
  if (!plan.fix.empty()) error.with_hint(plan.fix);
  throw error;
}

void run(ClusterWork& work, const cluster::RestoreOptions& wanted, bool json) {
  VerbProgress progress(work.lab(), "restore", style_for(json));
  const auto site = work.site(&progress);
  try {
    tell(progress, [&] { cluster::restore(site, wanted); });
  } catch (const Error&) {
    work.tidy_discs();  // a snapshot is not left on the storage
    throw;
  }
  work.tidy_discs();
}

Exit restore(const RestoreOptions& options) {
  ClusterWork work(options.file);
  work.hold();
  const auto& lab = work.lab();
  const auto bundle = read_whole(work, options);
  cluster::RestoreOptions wanted;
  if (bundle) wanted.bundle = bundle->file;
  if (!options.on.empty()) wanted.on = find_machine(lab, options.on).name;
  const auto plan = cluster::plan_restore(lab, cluster::observe(work.site()), bundle, wanted);
  show(plan, options.json);
  refuse(plan, lab.name);
  if (options.dry_run) return Exit::done;
  confirm_by_name(warning(bundle, plan), lab.name, "the same with --yes", options.yes);
  wanted.on = plan.target;
  wanted.kube_vip_image = kube_vip_image(work, bundle ? bundle->version : lab.cluster->version);
  run(work, wanted, options.json);
  if (options.json) {
    tell_end({{"target", plan.target}});
    return Exit::done;
  }
  print_line(lab.name + " is restored.");
  print_line(plan.left_to_up.empty() ? "Next: hlid cluster status"
                                     : "Next: hlid up, for " + join(plan.left_to_up, ", "));
  return Exit::done;
}

}  // namespace

void add_cluster_restore(CLI::App& group, Chosen& chosen) {
  auto& command = add_command(group, "restore", "cluster-restore");
  auto options = std::make_shared<RestoreOptions>();  // shared with the callback
  command.add_option("bundle", options->bundle, "the file, or 'latest'")->type_name("BUNDLE");
  add_file_option(command, options->file);
  command.add_option("--on", options->on, "server that is reset; else chosen")->type_name("NAME");
  command.add_flag("--own-data", options->own_data, "no bundle: from the data on the server's disk");
  command.add_flag("--dry-run", options->dry_run, "only say what would be done");
  command.add_flag("--yes", options->yes, "do not ask for the homelab's name");
  command.add_flag("--json", options->json, "events for programs, one JSON object a line");
  command.callback([&chosen, options] { chosen.action = [options] { return restore(*options); }; });
}

}  // namespace hlid::cli
