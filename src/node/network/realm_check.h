// What keeps this host from having a realm, in words, for `hlid doctor` and for tests that need one.
#pragma once

#include <string>
#include <vector>

namespace hlid::node::network {

struct Lack {
  std::string what;
  std::string fix;
};

/// Programs and devices that the realm needs and this user does not have; empty: none.
std::vector<Lack> missing_for_realm();

/// As above, and tries to make the namespaces too. Call it while the process has one thread.
std::vector<Lack> check_realm();

}  // namespace hlid::node::network
