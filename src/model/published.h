#pragma once
#include "model/homelab.h"

namespace hlid::model {

/// The first published port of this host that leads to `port` of the cluster's servers: to the vip or to
/// servers only. nullptr: there is none, or the machines are a Proxmox VE's, whose network the host reaches
/// by itself. Belongs to the lab.
const Publish* published_servers(const Homelab& lab, int port);

/// Where a program of this host connects to: among all addresses 127.0.0.1, which the certificates of a
/// cluster are always good for.
Ipv4 reached_at(const Publish& publish);

}  // namespace hlid::model
