#pragma once
#include <string>
#include <vector>

#include "support/fake_rke2/layout.h"

/// The "containers": programs under a shim of their own, which outlive the service that started them as
/// containerd's do. What runs is recorded in /run/k3s/containerd.
namespace hlid::fake_rke2::containers {

/// Makes sure that `argv` runs as `id`: adopts what runs with the same argv and version, replaces what
/// differs. Returns true when it was started now.
bool ensure(const Layout& layout, const std::string& id, const std::vector<std::string>& argv);
bool running(const std::string& id);
/// SIGTERM, SIGKILL ten seconds later; nothing when it does not run.
void stop(const std::string& id);
std::vector<std::string> list();
/// Of the current or last run of `id`.
fs::path log_of(const std::string& id);

/// The shim's own program: runs what follows "--", passes SIGTERM on, ends with it.
int shim_main(const std::vector<std::string>& arguments);

}  // namespace hlid::fake_rke2::containers
