#pragma once
#include <filesystem>
#include <string>

#include "base/secret.h"
#include "cluster/kubeconfig.h"

/// The user's own kubeconfig on this host (kubernetes.io/docs/concepts/configuration/
/// organize-cluster-access-kubeconfig): other clusters in it stay as they are.
namespace hlid::drive {

struct KubeconfigMerge {
  Secret text;           ///< the whole file
  std::string replaced;  ///< server that a cluster of this name had, when it was another
  std::string current;   ///< current-context afterwards
};

/// `existing` (empty: none yet) with cluster, user and context `name`; entries of these names are replaced,
/// everything else keeps its value and order. Comments are lost, as with kubectl itself. The current context
/// stays, unless there is none or `switch_to` is set. Throws Error(precondition) that names `file` when the
/// text is no kubeconfig; never shows a value.
KubeconfigMerge merge_kubeconfig(const std::string& existing, const std::string& file,
                                 const cluster::AdminAccess& access, const std::string& name,
                                 const std::string& server, bool switch_to = false);

struct SavedKubeconfig {
  std::filesystem::path path;    ///< where it really lies, symbolic links followed
  std::filesystem::path backup;  ///< of what was there before; empty: nothing was, or nothing changed
  bool changed = false;
  std::string replaced, current;  ///< as above
};

/// Merges into a file: durable, 0600, its folder made when missing (0700), what was there kept beside it as
/// <file>.hlid-backup (0600).
SavedKubeconfig save_kubeconfig(const std::filesystem::path& path, const cluster::AdminAccess& access,
                                const std::string& name, const std::string& server, bool switch_to = false);

/// Where kubectl looks: the first path of $KUBECONFIG, else ~/.kube/config.
std::filesystem::path default_kubeconfig(const std::string& variable, const std::string& home);

}  // namespace hlid::drive
