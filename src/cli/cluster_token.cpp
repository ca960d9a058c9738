#include <CLI/CLI.hpp>

#include "cli/cluster_commands.h"
#include "cli/cluster_work.h"
#include "cli/terminal.h"
#include "cluster/rotate.h"

namespace hlid::cli {
namespace {

struct TokenOptions {
  std::string file = "homelab.yaml";
  std::string to;  ///< reference to a secret; empty: a random one
  bool yes = false;
  bool json = false;
};

Exit rotate(const TokenOptions& options) {
  ClusterWork work(options.file);
  work.hold();
  Secret next;
  if (!options.to.empty()) next = drive::Secrets(work.session().processes()).get({options.to}, "--to");
  confirm("Every member's service is restarted, one after the other.", "hlid cluster token rotate --yes",
          options.yes);
  VerbProgress progress(work.lab(), "token", style_for(options.json));
  const auto site = work.site(&progress);
  tell(progress, [&] { cluster::rotate_token(site, next); });
  if (options.json)
    tell_end();
  else
    print_line("Every member has the new token. Bundles taken before keep the old one with them.");
  return Exit::done;
}

std::string check_reference(const std::string& text) {
  for (const char* kind : {"env:", "file:", "cmd:"})
    if (text.starts_with(kind)) return "";
  return "is none of env:NAME, file:PATH, cmd:COMMAND (a secret does not belong on a command line)";
}

}  // namespace

void add_cluster_token(CLI::App& group, Chosen& chosen) {
  auto& command = add_command(group, "token", "cluster-token");
  command.require_subcommand(1);
  auto options = std::make_shared<TokenOptions>();  // shared with the callback
  auto& rotation = *command.add_subcommand("rotate", "a new token for the cluster");
  add_file_option(rotation, options->file);
  rotation.add_option("--to", options->to, "env:NAME, file:PATH or cmd:COMMAND; else a random one")
      ->type_name("REFERENCE")
      ->check(check_reference);
  rotation.add_flag("--yes", options->yes, "do not ask");
  rotation.add_flag("--json", options->json, "events for programs, one JSON object a line");
  rotation.callback([&chosen, options] { chosen.action = [options] { return rotate(*options); }; });
}

}  // namespace hlid::cli
