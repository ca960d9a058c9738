#pragma once
#include "cli/command.h"

/// The commands under `hlid cluster`, one a file.
namespace hlid::cli {

void add_cluster_status(CLI::App& group, Chosen& chosen);
void add_cluster_kubeconfig(CLI::App& group, Chosen& chosen);
void add_cluster_upgrade(CLI::App& group, Chosen& chosen);
void add_cluster_snapshot(CLI::App& group, Chosen& chosen);
void add_cluster_restore(CLI::App& group, Chosen& chosen);
void add_cluster_token(CLI::App& group, Chosen& chosen);
void add_cluster_certificates(CLI::App& group, Chosen& chosen);
void add_cluster_encryption(CLI::App& group, Chosen& chosen);

}  // namespace hlid::cli
