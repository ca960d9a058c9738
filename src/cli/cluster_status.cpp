#include <CLI/CLI.hpp>

#include "cli/cluster_commands.h"
#include "cli/cluster_report.h"
#include "cli/cluster_work.h"
#include "cli/terminal.h"

namespace hlid::cli {
namespace {

constexpr std::chrono::seconds kBetweenLooks{5};

struct StatusOptions {
  std::string file = "homelab.yaml";
  bool json = false;
  bool watch = false;
  bool check = false;
};

void show(const model::Homelab& lab, const ClusterLook& look, const StatusOptions& options) {
  if (options.json) return print_line(to_text(cluster_json(lab, look)));
  if (options.watch && wants_colour()) print("\x1b[H\x1b[2J");
  print(cluster_headline(lab, look) + "\n" + members_table(lab, look));
  const auto troubles = cluster_troubles(lab, look);
  if (!troubles.empty()) print("\n" + troubles);
}

Exit status(const StatusOptions& options) {
  ClusterWork work(options.file);
  const auto site = work.site();
  while (true) {
    ClusterLook look;
    look.observed = cluster::observe(site);
    look.ladders = cluster::look(site, look.observed);
    show(work.lab(), look, options);
    if (!options.watch) return options.check && !look.all_ready() ? Exit::failed : Exit::done;
    if (!site.clock.sleep(kBetweenLooks, work.stop())) return Exit::interrupted;
  }
}

}  // namespace

void add_cluster_status(CLI::App& group, Chosen& chosen) {
  auto& command = add_command(group, "status", "cluster-status");
  auto options = std::make_shared<StatusOptions>();  // shared with the callback
  add_file_option(command, options->file);
  command.add_flag("--watch", options->watch, "look again every five seconds");
  command.add_flag("--check", options->check, "exit status 1 unless every member is ready");
  command.add_flag("--json", options->json, "one JSON object a look");
  command.callback([&chosen, options] { chosen.action = [options] { return status(*options); }; });
}

}  // namespace hlid::cli
