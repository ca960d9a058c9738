#pragma once
#include <string>

#include "pve/session.h"

namespace hlid::pve {

/// GET /version.
struct Version {
  std::string version;  ///< "8.4.21"
  std::string release;  ///< "8.4"
  std::string repoid;
  bool embedded() const { return repoid.starts_with("hlid-node"); }  ///< our own node, not a Proxmox VE
};

Version version(const Session& session);

}  // namespace hlid::pve
