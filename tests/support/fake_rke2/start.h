#pragma once
#include <string>

#include "support/fake_rke2/config.h"

/// What both roles do when they start and end.
namespace hlid::fake_rke2 {

/// root, profile (CIS prerequisites), node name. Ends the process with RKE2's texts.
void check_host(const Config& config, bool server);
/// sd_notify(3) READY=1.
void notify_ready();
/// SIGTERM and SIGINT end the process with 0; what it started stays. Call before the first thread.
void prepare_process();
/// The password that proves that a Node is this machine: /etc/rancher/node/password, made once.
std::string node_password();
/// Fails as the fault crash_before_ready says.
void maybe_crash();

}  // namespace hlid::fake_rke2
