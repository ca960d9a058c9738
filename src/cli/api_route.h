#pragma once
#include <string>

#include "model/homelab.h"

namespace hlid::cli {

/// How kubectl on this computer gets to the cluster's API.
struct ApiRoute {
  std::string server;  ///< "https://127.0.0.1:6443"
  std::string note;    ///< why it may not be reached from here; empty: it is
  std::string fix;     ///< one thing to do about it
};

/// On a Proxmox VE the VIP (else the first server) itself. The embedded node's network is its own: there it
/// is the first published port that leads to the API of the VIP or of servers; with none, the VIP and a note.
/// Pure.
ApiRoute route_to_api(const model::Homelab& lab);

}  // namespace hlid::cli
