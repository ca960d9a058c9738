#include <CLI/CLI.hpp>

#include "cli/cluster_commands.h"

namespace hlid::cli {

void add_cluster(CLI::App& app, Chosen& chosen) {
  auto& group = add_command(app, "cluster", "cluster");
  group.require_subcommand(1);
  add_cluster_status(group, chosen);
  add_cluster_kubeconfig(group, chosen);
  add_cluster_upgrade(group, chosen);
  add_cluster_snapshot(group, chosen);
  add_cluster_restore(group, chosen);
  add_cluster_token(group, chosen);
  add_cluster_certificates(group, chosen);
  add_cluster_encryption(group, chosen);
}

}  // namespace hlid::cli
