#include <CLI/CLI.hpp>

#include "cli/apply_plan.h"
#include "cli/command.h"
#include "cli/lab_file.h"
#include "cli/node_unit.h"
#include "cli/terminal.h"
#include "pve/cluster.h"
#include "pve/version.h"
#include "sys/home.h"

namespace hlid::cli {
namespace {

struct NodeOptions {
  std::string file = "homelab.yaml";
  std::string node;
  bool json = false;
};

/// --node, else that of the file if there is one, else the default's.
std::string node_name(const NodeOptions& options) {
  if (!options.node.empty()) return options.node;
  if (!std::filesystem::exists(options.file)) return model::Proxmox().nodes.front();
  return read_lab_file(options.file).lab.proxmox.nodes.front();
}

drive::EmbeddedNode node_of(const NodeOptions& options, sys::Clock& clock) {
  return {sys::hlid_home(), node_name(options), clock};
}

Exit start(const NodeOptions& options) {
  const StopOnSignal signals;
  sys::SystemClock clock;
  auto node = node_of(options, clock);
  const bool now = node.start(signals.token());
  const auto connection = drive::Connection::to_node(node, clock, signals.token());
  print_line(fmt::format("node '{}' {} at {}", node.name(), now ? "started" : "runs already",
                         connection.session().url()));
  return Exit::done;
}

Exit stop(const NodeOptions& options) {
  const StopOnSignal signals;
  sys::SystemClock clock;
  auto node = node_of(options, clock);
  const bool now = node.stop_daemon(signals.token());
  print_line(now ? "node '" + node.name() + "' stopped; machines that run go on"
                 : "node '" + node.name() + "' was not running");
  return Exit::done;
}

struct NodeFacts {
  bool running = false;
  std::string endpoint, version;
  std::size_t machines = 0, up = 0;
};

NodeFacts facts_of(drive::EmbeddedNode& node, sys::Clock& clock, std::stop_token stop) {
  NodeFacts facts;
  const auto daemon = node.daemon();
  facts.running = daemon.has_value();
  if (!daemon) return facts;
  const auto connection = drive::Connection::to_node(node, clock, stop);
  const auto& session = connection.session();
  facts.endpoint = session.url();
  facts.version = pve::version(session).repoid;
  for (const auto& guest : pve::resources(session, "vm")) {
    facts.machines += guest.is_template ? 0U : 1U;
    facts.up += guest.status == "running" ? 1U : 0U;
  }
  return facts;
}

Exit status(const NodeOptions& options) {
  const StopOnSignal signals;
  sys::SystemClock clock;
  auto node = node_of(options, clock);
  const auto facts = facts_of(node, clock, signals.token());
  if (options.json) {
    print_line(to_text(json::object{{"node", node.name()},
                                    {"running", facts.running},
                                    {"endpoint", facts.endpoint},
                                    {"version", facts.version},
                                    {"machines", facts.machines},
                                    {"machines_running", facts.up}}));
  } else if (facts.running) {
    print_line(fmt::format("node '{}' runs at {} ({}): {} machines, {} running", node.name(), facts.endpoint,
                           facts.version, facts.machines, facts.up));
  } else {
    print_line("node '" + node.name() + "' is not running; 'hlid node start' starts it");
  }
  return Exit::done;
}

Exit token(const NodeOptions& options) {
  sys::SystemClock clock;
  const auto client = node_of(options, clock).client();
  if (options.json) {
    print_line(to_text(json::object{
        {"endpoint", client.endpoint}, {"token", client.token.reveal()}, {"ca", client.ca_file}}));
    return Exit::done;
  }
  print_line("endpoint  " + client.endpoint);
  print_line("token     " + client.token.reveal());
  print_line("ca        " + client.ca_file);
  return Exit::done;
}

Exit install(const NodeOptions& options) {
  sys::SystemClock clock;
  sys::PosixProcessRunner processes;
  const auto node = node_of(options, clock);
  const auto unit = install_node_unit(node, processes);
  print_line("installed " + unit.string() + "; the node and its machines now start with this computer");
  return Exit::done;
}

}  // namespace

void add_node(CLI::App& app, Chosen& chosen) {
  auto& group = add_command(app, "node", "node");
  group.require_subcommand(1);
  auto options = std::make_shared<NodeOptions>();  // shared with the callbacks
  const auto add = [&](const char* name, const char* about, Exit (*act)(const NodeOptions&)) -> CLI::App& {
    auto* command = group.add_subcommand(name, about);
    add_file_option(*command, options->file);
    command->add_option("--node", options->node, "the node's name (default: the file's, else asgard)");
    command->callback([&chosen, options, act] { chosen.action = [options, act] { return act(*options); }; });
    return *command;
  };
  add("start", "start the embedded node", start);
  add("stop", "stop it; machines go on", stop);
  add("status", "does it run, where, with what", status).add_flag("--json", options->json, "as JSON");
  add("install", "have systemd start it with this computer", install);
  add("token", "endpoint, API token and CA for other Proxmox clients", token)
      .add_flag("--json", options->json, "as JSON");
}

}  // namespace hlid::cli
