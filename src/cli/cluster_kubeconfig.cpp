#include <CLI/CLI.hpp>
#include <cstdlib>
#include <regex>

#include "cli/api_route.h"
#include "cli/cluster_commands.h"
#include "cli/cluster_work.h"
#include "cli/terminal.h"
#include "cluster/kubeconfig.h"
#include "drive/kubeconfig_file.h"

namespace hlid::cli {
namespace {

struct KubeconfigOptions {
  std::string file = "homelab.yaml";
  bool merge = false;
  std::string merge_into;  ///< empty: where kubectl looks
  std::string context;     ///< empty: the lab's name
  std::string server;      ///< empty: route_to_api()
  bool use = false;
  bool json = false;
};

void tell_route(const ApiRoute& route) {
  if (route.note.empty()) return;
  print_error("hlid: note: " + route.note);
  print_error("  fix: " + route.fix);
}

Exit show(const cluster::AdminAccess& access, const std::string& name, const ApiRoute& route, bool json) {
  const auto text = cluster::render_kubeconfig(access, name, route.server);
  if (!json)
    print(text.reveal());
  else
    print_line(
        to_text(json::object{{"context", name}, {"server", route.server}, {"kubeconfig", text.reveal()}}));
  return Exit::done;
}

std::filesystem::path merge_path(const KubeconfigOptions& options) {
  if (!options.merge_into.empty()) return options.merge_into;
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (variable("KUBECONFIG").empty() && variable("HOME").empty())
    throw Error(Errc::usage, "neither KUBECONFIG nor HOME says where the kubeconfig is")
        .with_hint("hlid cluster kubeconfig --merge FILE");
  return drive::default_kubeconfig(variable("KUBECONFIG"), variable("HOME"));
}

Exit merge(const cluster::AdminAccess& access, const std::string& name, const ApiRoute& route,
           const KubeconfigOptions& options) {
  const auto saved = drive::save_kubeconfig(merge_path(options), access, name, route.server, options.use);
  if (options.json) {
    print_line(to_text(json::object{{"context", name},
                                    {"server", route.server},
                                    {"file", saved.path.string()},
                                    {"changed", saved.changed},
                                    {"backup", saved.backup.string()},
                                    {"replaced", saved.replaced},
                                    {"current", saved.current}}));
    return Exit::done;
  }
  print_line(saved.changed
                 ? fmt::format("{} has the context '{}' for {}.", saved.path.string(), name, route.server)
                 : fmt::format("{} has it already.", saved.path.string()));
  if (!saved.replaced.empty()) print_line(fmt::format("It led to {} before.", saved.replaced));
  if (!saved.backup.empty()) print_line(fmt::format("What it was: {}", saved.backup.string()));
  print_line(saved.current == name ? "Next: kubectl get nodes"
                                   : fmt::format("Next: kubectl --context {} get nodes", name));
  return Exit::done;
}

Exit kubeconfig(const KubeconfigOptions& options) {
  ClusterWork work(options.file);
  const auto access = cluster::find_admin_access(work.site());
  const auto name = options.context.empty() ? work.lab().name : options.context;
  const auto route = options.server.empty() ? route_to_api(work.lab()) : ApiRoute{options.server, "", ""};
  const auto status =
      options.merge ? merge(access, name, route, options) : show(access, name, route, options.json);
  tell_route(route);
  return status;
}

std::string check_context(const std::string& text) {
  static const std::regex form("[A-Za-z0-9][A-Za-z0-9._@:/-]{0,127}");
  return std::regex_match(text, form) ? "" : "is no name of a context";
}

std::string check_server(const std::string& text) {
  static const std::regex form("https://[^ \"'/?#]+(/[^ \"']*)?");
  return std::regex_match(text, form) ? "" : "is no https URL";
}

}  // namespace

void add_cluster_kubeconfig(CLI::App& group, Chosen& chosen) {
  auto& command = add_command(group, "kubeconfig", "cluster-kubeconfig");
  auto options = std::make_shared<KubeconfigOptions>();  // shared with the callback
  add_file_option(command, options->file);
  auto* merge =
      command
          .add_option("--merge", options->merge_into, "into FILE; without one: $KUBECONFIG, ~/.kube/config")
          ->expected(0, 1)
          ->type_name("[FILE]");
  command.add_option("--context", options->context, "its name there; else the homelab's")
      ->type_name("NAME")
      ->check(check_context);
  command.add_option("--server", options->server, "another way to the API than the one that is found")
      ->type_name("URL")
      ->check(check_server);
  command.add_flag("--use", options->use, "with --merge: make it the current context");
  command.add_flag("--json", options->json, "as JSON");
  command.callback([&chosen, options, merge] {
    options->merge = merge->count() > 0;
    chosen.action = [options] { return kubeconfig(*options); };
  });
}

}  // namespace hlid::cli
