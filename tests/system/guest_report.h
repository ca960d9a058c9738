#pragma once
#include <map>
#include <string>
#include <vector>

#include "sys/process.h"

namespace hlid::test {

class Lab;

/// What a machine says about itself: name of the fact → its text.
using GuestReport = std::map<std::string, std::string>;

/// Asks one machine, through `hlid ssh`, everything the tests want to know, in one session: a login takes
/// seconds on an emulated processor. `peers` are "NAME ADDRESS" of the machines to be reached from there.
GuestReport ask_guest(Lab& lab, const std::string& file, const std::string& machine, int ssh_port,
                      const std::vector<std::pair<std::string, std::string>>& peers);

}  // namespace hlid::test
