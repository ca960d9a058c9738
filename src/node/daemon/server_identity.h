// The certificate that the node's API shows, signed by an authority of the node's own. `hlid` trusts that
// authority (etc/ca.pem), so that TLS is verified without any question to the user.
#pragma once

#include <string>
#include <vector>

#include "node/daemon/node_folder.h"

namespace hlid::node::daemon {

struct ServerIdentity {
  std::string certificate_pem;
  std::string key_pem;
  std::string fingerprint;  ///< SHA-256, "AB:CD:…"
};

/// Reads it, or makes it: what is missing, expires within a month or is for other names is made anew. The
/// authority itself is made once.
ServerIdentity ensure_identity(const NodeFolder& folder, const std::vector<std::string>& names);

}  // namespace hlid::node::daemon
