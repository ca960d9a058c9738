#include <CLI/CLI.hpp>

#include "cli/cluster_commands.h"
#include "cli/cluster_work.h"
#include "cli/terminal.h"
#include "cluster/rotate.h"

namespace hlid::cli {
namespace {

struct EncryptionOptions {
  std::string file = "homelab.yaml";
  bool yes = false;
  bool json = false;
};

Exit show(const EncryptionOptions& options) {
  ClusterWork work(options.file);
  const auto state = cluster::encryption_state(work.site());
  if (options.json) {
    print_line(to_text(json::object{{"enabled", state.enabled},
                                    {"active_key", state.active_key},
                                    {"stage", state.stage},
                                    {"servers_agree", state.hashes_match}}));
    return Exit::done;
  }
  if (!state.enabled) {
    print_line("The secrets in etcd are not encrypted.");
    return Exit::done;
  }
  print_line(fmt::format("The secrets in etcd are encrypted with the key '{}', stage '{}'.", state.active_key,
                         state.stage));
  if (!state.hashes_match)
    print_line("The servers do not have the same keys yet: hlid cluster encryption rotate goes on.");
  return Exit::done;
}

Exit rotate(const EncryptionOptions& options) {
  ClusterWork work(options.file);
  work.hold();
  confirm("A snapshot is taken, all secrets are written anew, and the servers are restarted one by one.",
          "hlid cluster encryption rotate --yes", options.yes);
  VerbProgress progress(work.lab(), "encryption", style_for(options.json));
  const auto site = work.site(&progress);
  tell(progress, [&] { cluster::rotate_encryption_key(site, work.snapshots()); });
  if (options.json)
    tell_end();
  else
    print_line("All secrets are encrypted with the new key.");
  return Exit::done;
}

}  // namespace

void add_cluster_encryption(CLI::App& group, Chosen& chosen) {
  auto& command = add_command(group, "encryption", "cluster-encryption");
  auto options = std::make_shared<EncryptionOptions>();  // shared with the callbacks
  add_file_option(command, options->file);
  command.add_flag("--json", options->json, "as JSON");
  command.callback([&command, &chosen, options] {
    if (command.get_subcommands().empty()) chosen.action = [options] { return show(*options); };
  });
  auto& rotation = *command.add_subcommand("rotate", "a new key, all secrets written anew");
  add_file_option(rotation, options->file);
  rotation.add_flag("--yes", options->yes, "do not ask");
  rotation.add_flag("--json", options->json, "events for programs, one JSON object a line");
  rotation.callback([&chosen, options] { chosen.action = [options] { return rotate(*options); }; });
}

}  // namespace hlid::cli
