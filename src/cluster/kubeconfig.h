#pragma once
#include <string>
#include <string_view>

#include "base/secret.h"
#include "cluster/site.h"
#include "model/homelab.h"

namespace hlid::cluster {

/// What admits the cluster's administrator: the content of /etc/rancher/<distribution>/<distribution>.yaml
/// without its names and server. Base64 of PEM, as kubeconfig has it.
struct AdminAccess {
  std::string ca_data;      ///< certificate-authority-data
  std::string client_data;  ///< client-certificate-data, valid for a year from the server's last start
  Secret key_data;          ///< client-key-data
};

/// Reads the file that the distribution writes. Throws Error(protocol) naming what is missing or no base64 of
/// a PEM; never shows a value.
AdminAccess parse_admin_access(const Secret& text);

/// From the first server that has the file: each writes it at its start, and one is as good as another.
/// Throws Error(precondition) that says of each server why it gave none.
AdminAccess find_admin_access(const Site& site);

/// /etc/rancher/rke2/rke2.yaml.
std::string admin_kubeconfig_path(const std::string& distribution);

/// "https://10.10.10.100:6443": where this host has the API published, else the VIP, else the first server.
std::string api_url(const model::Homelab& lab);

/// A whole kubeconfig with cluster, user and context called `name`, which is current.
Secret render_kubeconfig(const AdminAccess& access, const std::string& name, const std::string& server);

}  // namespace hlid::cluster
