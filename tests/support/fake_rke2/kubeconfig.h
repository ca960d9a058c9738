#pragma once
#include "support/fake_rke2/api.h"
#include "support/fake_rke2/config.h"

namespace hlid::fake_rke2 {

/// /etc/rancher/rke2/rke2.yaml: the administrator, at https://127.0.0.1:6443, names "default".
void write_kubeconfig(const Config& config);

struct Kubeconfig {
  std::string server, ca, certificate, key;
};
/// Throws Error(not_found/protocol). Data and file forms.
Kubeconfig read_kubeconfig(const fs::path& path);

}  // namespace hlid::fake_rke2
