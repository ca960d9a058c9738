#pragma once
#include <string>
#include <vector>

/// The services of the copy, which were frozen before its memory was kept (node/instant/quiet.h).
namespace hlid::guest {

/// Those named go on, or all. One line for each that does not.
std::vector<std::string> thaw_services(const std::vector<std::string>& names = {});

/// Has the SSH server, frozen as yet, begin anew with the host keys that are there now: sshd(8), SIGHUP. It
/// lets go of its sockets before anything else, so that nobody is ever answered with the keys of the copy.
/// Returns "" or why not.
std::string renew_ssh_server();

}  // namespace hlid::guest
