// What the node gives a resumed machine to become itself: the file `hlid-identity` on its cloud-init drive,
// and host keys that are made here, because a key takes seconds on an emulated processor.
#pragma once

#include <string>
#include <vector>

#include "guest/identity.h"

namespace hlid::sys {
class ProcessRunner;
}

namespace hlid::node::instant {

/// The text that guest::parse_identity reads (guest/identity.h).
std::string print_identity(const guest::Identity& identity);

/// New keys of the kinds that the templates' SSH servers use, by ssh-keygen(1). Throws Error(failed), and
/// Error(precondition) when it is not installed.
std::vector<guest::HostKey> make_host_keys(sys::ProcessRunner& runner, const std::string& comment);

/// cloud-init's vendor data with these keys, so that a machine whose cloud-init runs (again) gets the same.
std::string vendor_data(const std::vector<guest::HostKey>& keys);

/// Keys as text for a private file, and back; nothing for text that holds none.
std::string print_host_keys(const std::vector<guest::HostKey>& keys);
std::vector<guest::HostKey> parse_host_keys(const std::string& text);

}  // namespace hlid::node::instant
