#include "cluster/upgrade.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/text.h"
#include "cli/cluster_commands.h"
#include "cli/cluster_work.h"
#include "cli/terminal.h"
#include "cluster/probe.h"
#include "cluster/release.h"

namespace hlid::cli {
namespace {

struct UpgradeOptions {
  std::string file = "homelab.yaml";
  std::string to;
  int drain_timeout = 300;  ///< seconds
  bool no_drain = false;
  bool pause = false;
  bool dry_run = false;
  bool yes = false;
  bool json = false;
};

/// --to, else what the file says or its channel points to.
cluster::Version wanted_version(ClusterWork& work, const UpgradeOptions& options) {
  if (options.to.empty()) return cluster::chosen_version(*work.lab().cluster, work.releases());
  if (const auto version = cluster::Version::parse(options.to)) return *version;
  throw Error(Errc::usage, "'{}' is no release", options.to).with_hint("a release is called v1.34.1+rke2r1");
}

std::string step_text(const cluster::UpgradeStep& step, const model::ObservedCluster& observed,
                      const std::string& wanted) {
  if (step.kind == cluster::UpgradeStep::Kind::snapshot)
    return "take a snapshot, unless this upgrade has one";
  std::vector<std::string> parts;
  for (const auto& machine : step.machines) {
    const auto now = cluster::version_of(observed, machine);
    parts.push_back(now == wanted ? machine + " (finish)" : fmt::format("{} {} → {}", machine, now, wanted));
  }
  return join(parts, ", ");
}

void show_steps(const std::vector<cluster::UpgradeStep>& steps, const model::ObservedCluster& observed,
                const std::string& wanted, bool json) {
  if (!json) {
    for (const auto& step : steps) print_line("  " + step_text(step, observed, wanted));
    return;
  }
  json::array list;
  for (const auto& step : steps) {
    json::array machines;
    for (const auto& machine : step.machines) machines.push_back(json::string(machine));
    const bool snapshot = step.kind == cluster::UpgradeStep::Kind::snapshot;
    list.push_back(json::object{{"kind", snapshot ? "snapshot" : "machines"}, {"machines", machines}});
  }
  print_line(to_text(json::object{{"event", "plan"}, {"version", wanted}, {"steps", list}}));
}

/// A person is asked before each machine; a script gets one machine a run.
std::function<bool(const std::string&)> pausing(const UpgradeOptions& options, VerbProgress& progress) {
  if (!options.pause) return [](const std::string&) { return true; };
  if (!input_is_terminal() || options.yes)
    return [count = 0](const std::string&) mutable { return ++count == 1; };
  return [&progress](const std::string& machine) {
    bool agreed = false;
    progress.aside([&] { agreed = ask_yes(fmt::format("Upgrade {} now?", machine)); });
    return agreed;
  };
}

Exit end(const UpgradeOptions& options, cluster::Upgraded how, const std::string& wanted) {
  const bool paused = how == cluster::Upgraded::paused;
  const auto status = paused ? Exit::pending : Exit::done;
  if (options.json) {
    tell_end({{"version", wanted}, {"paused", paused}}, status);
  } else {
    print_line(paused ? "Paused. The same command goes on." : "Every member runs " + wanted + ".");
  }
  return status;
}

void tell_what_the_file_says(const ClusterWork& work, const std::string& wanted,
                             const UpgradeOptions& options) {
  const auto& file = work.lab().cluster->version;
  if (options.to.empty() || file == wanted) return;
  print_error(
      fmt::format("hlid: note: {} says {}", options.file, file.empty() ? "no version" : "version: " + file));
  print_error(fmt::format("  fix: write 'version: {}' into cluster", wanted));
}

/// The only one may be in the middle of it; that nobody answers is then no reason not to go on.
std::ptrdiff_t servers(const model::Homelab& lab) {
  return std::count_if(lab.machines.begin(), lab.machines.end(),
                       [](const auto& machine) { return machine.role == model::Role::server; });
}

Exit upgrade(const UpgradeOptions& options) {
  ClusterWork work(options.file);
  work.hold();
  const auto observed = cluster::observe(work.site());
  const auto version = wanted_version(work, options);
  const auto wanted = version.text();
  if (!observed.answers && servers(work.lab()) > 1)
    cluster::require({{"no server of the cluster answers"}, "hlid cluster status"}, "upgrade",
                     work.lab().name);
  if (observed.answers) cluster::require(cluster::may_upgrade(observed, wanted), "upgrade", work.lab().name);
  const auto steps = cluster::upgrade_order(work.lab(), observed, wanted);
  if (observed.answers && steps.empty()) {
    tell_what_the_file_says(work, wanted, options);
    return end(options, cluster::Upgraded::all, wanted);
  }
  show_steps(steps, observed, wanted, options.json);
  if (options.dry_run) return Exit::done;
  confirm("Each of these machines is emptied of pods and its service restarted, in this order.",
          "hlid cluster upgrade --yes", options.yes);
  VerbProgress progress(work.lab(), "upgrade", style_for(options.json));
  const auto how = tell(progress, [&] {
    const auto release = cluster::resolve(*work.lab().cluster, version, work.releases(&progress));
    return cluster::upgrade(
        work.site(&progress), release, work.snapshots(),
        {std::chrono::seconds(options.drain_timeout), !options.no_drain, pausing(options, progress)});
  });
  work.tidy_discs();
  tell_what_the_file_says(work, wanted, options);
  return end(options, how, wanted);
}

}  // namespace

void add_cluster_upgrade(CLI::App& group, Chosen& chosen) {
  auto& command = add_command(group, "upgrade", "cluster-upgrade");
  auto options = std::make_shared<UpgradeOptions>();  // shared with the callback
  add_file_option(command, options->file);
  command.add_option("--to", options->to, "release; else the file's")->type_name("VERSION");
  command.add_flag("--pause", options->pause, "ask before each machine; without a terminal: one machine");
  command.add_option("--drain-timeout", options->drain_timeout, "seconds for pods to leave a machine")
      ->check(CLI::Range(1, 86400))
      ->type_name("SECONDS")
      ->capture_default_str();
  command.add_flag("--no-drain", options->no_drain, "leave the pods where they are");
  command.add_flag("--dry-run", options->dry_run, "only say what would be done");
  command.add_flag("--yes", options->yes, "do not ask");
  command.add_flag("--json", options->json, "events for programs, one JSON object a line");
  command.callback([&chosen, options] { chosen.action = [options] { return upgrade(*options); }; });
}

}  // namespace hlid::cli
