#pragma once
#include <filesystem>
#include <string>

/// Where RKE2 keeps things. Everything hangs off the data folder (default /var/lib/rancher/rke2).
namespace hlid::fake_rke2 {

namespace fs = std::filesystem;

inline const fs::path kConfigFile = "/etc/rancher/rke2/config.yaml";
inline const fs::path kAdminKubeconfig = "/etc/rancher/rke2/rke2.yaml";
inline const fs::path kNodePassword = "/etc/rancher/node/password";
inline const fs::path kRunFolder = "/run/k3s";
inline const fs::path kFaultsFile = "/etc/rke2-fake/faults";
inline const fs::path kPodLogs = "/var/log/pods";

struct Layout {
  fs::path data = "/var/lib/rancher/rke2";

  fs::path bin() const { return data / "bin"; }
  fs::path server() const { return data / "server"; }
  fs::path agent() const { return data / "agent"; }
  fs::path tls() const { return server() / "tls"; }
  fs::path etcd_tls() const { return tls() / "etcd"; }
  fs::path etcd() const { return server() / "db/etcd"; }
  fs::path write_ahead_log() const { return etcd() / "member/wal"; }
  fs::path reset_flag() const { return server() / "db/reset-flag"; }
  fs::path snapshots() const { return server() / "db/snapshots"; }
  fs::path cred() const { return server() / "cred"; }
  fs::path token() const { return server() / "token"; }
  fs::path manifests() const { return server() / "manifests"; }
  fs::path images() const { return agent() / "images"; }
  fs::path static_pods() const { return agent() / "pod-manifests"; }
};

}  // namespace hlid::fake_rke2
