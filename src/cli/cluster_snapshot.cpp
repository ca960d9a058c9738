#include "cluster/snapshot.h"

#include <CLI/CLI.hpp>
#include <regex>

#include "base/text.h"
#include "base/units.h"
#include "cli/cluster_commands.h"
#include "cli/cluster_work.h"
#include "cli/lab_file.h"
#include "cli/terminal.h"
#include "sys/home.h"

namespace hlid::cli {
namespace {

struct SnapshotOptions {
  std::string file = "homelab.yaml";
  std::string label;
  std::string on;
  std::string folder;  ///< empty: the lab's own
  std::string bundle;
  int keep = 0;  ///< 0: all
  bool json = false;
};

/// Bundles are there without any machine.
std::filesystem::path folder_of(const SnapshotOptions& options, const model::Homelab& lab) {
  if (!options.folder.empty()) return options.folder;
  return drive::lab_folder(sys::hlid_home(), lab.name).snapshots();
}

json::object bundle_json(const cluster::Bundle& bundle) {
  return {{"file", bundle.file.string()}, {"lab", bundle.lab},           {"label", bundle.label},
          {"taken_on", bundle.taken_on},  {"taken_at", bundle.taken_at}, {"version", bundle.version},
          {"bytes", bundle.bytes}};
}

json::array bundles_json(const std::vector<cluster::Bundle>& bundles) {
  json::array list;
  for (const auto& bundle : bundles) list.push_back(bundle_json(bundle));
  return list;
}

std::vector<cluster::Bundle> prune_to(const SnapshotOptions& options, const model::Homelab& lab) {
  return cluster::prune_bundles(folder_of(options, lab), lab.name, options.label, options.keep);
}

void tell_removed(const std::vector<cluster::Bundle>& removed) {
  for (const auto& bundle : removed) print_line("removed " + bundle.file.string());
}

Exit take(const SnapshotOptions& options) {
  ClusterWork work(options.file);
  work.hold();
  const auto on = options.on.empty() ? "" : find_machine(work.lab(), options.on).name;
  VerbProgress progress(work.lab(), "snapshot", style_for(options.json));
  const auto bundle = tell(progress, [&] {
    cluster::SnapshotOptions wanted;
    wanted.label = options.label;
    wanted.on = on;
    return cluster::take_snapshot(work.site(&progress), folder_of(options, work.lab()), wanted);
  });
  std::vector<cluster::Bundle> removed;
  if (options.keep > 0) removed = prune_to(options, work.lab());
  if (options.json) {
    tell_end({{"bundle", bundle_json(bundle)}, {"removed", bundles_json(removed)}});
    return Exit::done;
  }
  print_line(fmt::format("{} ({}, of {} on {})", bundle.file.string(), to_human({bundle.bytes}),
                         bundle.version, bundle.taken_on));
  print_line("Whoever has this file owns the cluster. Keep a copy on another computer.");
  tell_removed(removed);
  return Exit::done;
}

Exit list(const SnapshotOptions& options) {
  const auto lab = read_lab_file(options.file).lab;
  const auto bundles = cluster::list_bundles(folder_of(options, lab));
  if (options.json) {
    print_line(to_text(json::object{{"snapshots", bundles_json(bundles)}}));
    return Exit::done;
  }
  print_line(
      fmt::format("{:<16}  {:<16}  {:>9}  {:<12}  {}", "TAKEN (UTC)", "VERSION", "SIZE", "LABEL", "FILE"));
  for (const auto& bundle : bundles)
    print_line(fmt::format("{:<16}  {:<16}  {:>9}  {:<12}  {}", time_text(bundle.taken_at), bundle.version,
                           to_human({bundle.bytes}), bundle.label.empty() ? "-" : bundle.label,
                           bundle.file.string()));
  return Exit::done;
}

Exit verify(const SnapshotOptions& options) {
  const auto bundle = cluster::read_bundle(options.bundle);
  cluster::verify_bundle(bundle);
  if (options.json)
    print_line(to_text(bundle_json(bundle)));
  else
    print_line(fmt::format("{} is whole: of {}, taken {} UTC on {}, {}", bundle.file.string(), bundle.lab,
                           time_text(bundle.taken_at), bundle.taken_on, bundle.version));
  return Exit::done;
}

Exit prune(const SnapshotOptions& options) {
  const auto removed = prune_to(options, read_lab_file(options.file).lab);
  if (options.json)
    print_line(to_text(json::object{{"removed", bundles_json(removed)}}));
  else
    tell_removed(removed);
  return Exit::done;
}

std::string check_label(const std::string& text) {
  static const std::regex form("[a-z0-9-]{0,32}");
  return std::regex_match(text, form) ? "" : "is no label: letters a-z, digits and '-', at most 32";
}

using Options = std::shared_ptr<SnapshotOptions>;

CLI::App& add_verb(CLI::App& parent, Chosen& chosen, const Options& options, const char* name,
                   const char* about, Exit (*act)(const SnapshotOptions&)) {
  auto& verb = *parent.add_subcommand(name, about);
  verb.add_flag("--json", options->json, "as JSON");
  verb.callback([&chosen, options, act] { chosen.action = [options, act] { return act(*options); }; });
  return verb;
}

void add_place(CLI::App& verb, const Options& options) {
  add_file_option(verb, options->file);
  verb.add_option("--in", options->folder, "folder of the bundles; else the homelab's own")->type_name("DIR");
}

void add_label(CLI::App& verb, const Options& options, const char* about) {
  verb.add_option("--label", options->label, about)->type_name("WORD")->check(check_label);
}

}  // namespace

void add_cluster_snapshot(CLI::App& group, Chosen& chosen) {
  auto& command = add_command(group, "snapshot", "cluster-snapshot");
  const auto options = std::make_shared<SnapshotOptions>();  // shared with the callbacks
  add_place(command, options);
  add_label(command, options, "a part of the bundle's name");
  command.add_option("--on", options->on, "server that takes it; else one that is not the leader")
      ->type_name("NAME");
  command.add_option("--keep", options->keep, "afterwards, only the newest so many of this label stay")
      ->check(CLI::Range(1, 10000));
  command.add_flag("--json", options->json, "events for programs, one JSON object a line");
  command.callback([&command, &chosen, options] {
    if (command.get_subcommands().empty()) chosen.action = [options] { return take(*options); };
  });

  add_place(add_verb(command, chosen, options, "list", "the bundles, the oldest first", list), options);
  auto& pruning = add_verb(command, chosen, options, "prune", "removes old bundles", prune);
  add_place(pruning, options);
  add_label(pruning, options, "of those with this label; else of those without one");
  pruning.add_option("--keep", options->keep, "so many stay")->required()->check(CLI::Range(1, 10000));
  add_verb(command, chosen, options, "verify", "whether a bundle is whole", verify)
      .add_option("bundle", options->bundle, "the file")
      ->required()
      ->type_name("BUNDLE");
}

}  // namespace hlid::cli
