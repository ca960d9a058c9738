#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/apply_plan.h"
#include "cli/cluster_report.h"
#include "cli/command.h"
#include "cli/lab_file.h"
#include "cli/published_ports.h"
#include "cli/terminal.h"
#include "drive/readiness.h"
#include "sys/parallel.h"

namespace hlid::cli {
namespace {

constexpr std::size_t kConnections = 8;
constexpr std::chrono::seconds kBetweenLooks{2};

struct StatusOptions {
  std::string file = "homelab.yaml";
  bool json = false;
  bool watch = false;
};

struct Row {
  const model::Machine* machine = nullptr;
  std::string state;  ///< absent, foreign, half-made, stopped, running, agent, address, ready
  std::string detail;
  bool ready = false;
};

const model::ObservedMachine* find(const model::Observed& there, Vmid vmid) {
  for (const auto& machine : there.machines)
    if (machine.vmid == vmid) return &machine;
  return nullptr;
}

/// The last link that holds names the state.
Row row_of_chain(const model::Machine& machine, const drive::ChainState& chain) {
  if (!chain.broken) return {&machine, "ready", "", true};
  switch (*chain.broken) {
    case drive::Link::running:
      return {&machine, "stopped", chain.detail, false};
    case drive::Link::agent:
      return {&machine, "running", chain.detail, false};
    case drive::Link::address:
      return {&machine, "agent", chain.detail, false};
    case drive::Link::cloud_init:
      return {&machine, "address", chain.detail, false};
  }
  return {&machine, "unknown", chain.detail, false};
}

Row row_of(const pve::Session& session, const model::Homelab& lab, const model::Machine& machine,
           const model::Observed& there, const std::set<std::string>& unfinished) {
  const auto* found = find(there, machine.vmid);
  switch (plan::standing_of(lab, machine, found, unfinished)) {
    case plan::Standing::absent:
      return {&machine, "absent", "", false};
    case plan::Standing::half_made:
      return {&machine, "half-made", "an earlier run was interrupted", false};
    case plan::Standing::foreign:
      return {&machine, "foreign", "this VMID is somebody else's: " + (found ? found->name : ""), false};
    case plan::Standing::ours:
      break;
  }
  return row_of_chain(machine, drive::probe(session, {found->node, machine.vmid}, machine));
}

struct Look {
  std::vector<Row> rows;
  model::Observed there;
  std::optional<ClusterLook> cluster;  ///< when the file has one and some machine of it was looked into
};

std::vector<Row> rows_of(LabSession& session, const model::Observed& there, std::stop_token stop) {
  const auto unfinished = session.unfinished();
  const auto& machines = session.lab().machines;
  std::vector<Row> rows(machines.size());
  if (session.is_new_node()) {
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = {&machines[i], "absent", "", false};
    return rows;
  }
  const auto api = session.session(stop);
  sys::in_parallel(rows.size(), kConnections, [&](std::size_t i) {
    rows[i] = row_of(api, session.lab(), machines[i], there, unfinished);
  });
  return rows;
}

Look look(LabSession& session, std::stop_token stop) {
  Look look;
  look.there = session.observe(stop);
  look.rows = rows_of(session, look.there, stop);
  if (session.lab().cluster && look.there.cluster) {
    const auto& traits = cluster::traits_of(session.lab().cluster->distribution);
    look.cluster.emplace(ClusterLook{*look.there.cluster, {}});
    for (const auto& machine : session.lab().machines)
      if (machine.role != model::Role::plain)
        look.cluster->ladders.push_back(cluster::climb(machine, look.cluster->observed, "", traits));
  }
  return look;
}

void print_table(const std::vector<Row>& rows) {
  std::size_t width = 4;
  for (const auto& row : rows) width = std::max(width, row.machine->name.size());
  print_line(fmt::format("{:<{}}  {:>9}  {:<10}  {:<15}  {:<9}  {}", "NAME", width, "VMID", "NODE", "ADDRESS",
                         "STATE", ""));
  for (const auto& row : rows)
    print_line(fmt::format("{:<{}}  {:>9}  {:<10}  {:<15}  {:<9}  {}", row.machine->name, width,
                           row.machine->vmid.value, row.machine->node,
                           to_string(row.machine->address.address), row.state, row.detail));
}

void print_json(const model::Homelab& lab, const Look& look) {
  json::array list;
  for (const auto& row : look.rows)
    list.push_back(json::object{{"name", row.machine->name},
                                {"vmid", row.machine->vmid.value},
                                {"node", row.machine->node},
                                {"address", to_string(row.machine->address.address)},
                                {"state", row.state},
                                {"detail", row.detail},
                                {"ready", row.ready}});
  json::object all{{"machines", list}, {"published", published_json(lab, look.there)}};
  if (lab.cluster) all["cluster"] = look.cluster ? json::value(cluster_json(lab, *look.cluster)) : nullptr;
  print_line(to_text(all));
}

void print_text(const model::Homelab& lab, const Look& look) {
  print_table(look.rows);
  const auto ports = published_table(lab, look.there);
  if (!ports.empty()) print("\n" + ports);
  if (!look.cluster) return;
  print("\n" + cluster_headline(lab, *look.cluster) + members_table(lab, *look.cluster));
  const auto troubles = cluster_troubles(lab, *look.cluster);
  if (!troubles.empty()) print("\n" + troubles + "With the lines of the journal: hlid cluster status\n");
}

Exit status(const StatusOptions& options) {
  const StopOnSignal signals;
  LabSession session(read_lab_file(options.file).lab);
  while (true) {
    const auto seen = look(session, signals.token());
    if (options.watch && !options.json && wants_colour()) print("\x1b[H\x1b[2J");
    options.json ? print_json(session.lab(), seen) : print_text(session.lab(), seen);
    if (!options.watch) return Exit::done;
    if (!session.clock().sleep(kBetweenLooks, signals.token())) return Exit::interrupted;
  }
}

}  // namespace

void add_status(CLI::App& app, Chosen& chosen) {
  auto& command = add_command(app, "status", "status");
  auto options = std::make_shared<StatusOptions>();  // shared with the callback
  add_file_option(command, options->file);
  command.add_flag("--watch", options->watch, "look again every two seconds");
  command.add_flag("--json", options->json, "one JSON object a look");
  command.callback([&chosen, options] { chosen.action = [options] { return status(*options); }; });
}

}  // namespace hlid::cli
