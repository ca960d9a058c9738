#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/ip.h"
#include "cluster/site.h"

namespace hlid::cluster {

/// Who answers at the supervisor's port of `addresses`, asked from `guest`: address → SHA-256 of the CA
/// certificate that it shows at /cacerts (what MachineFacts::seen.ca_hash is); those that do not answer are
/// left out. Throws what Guest throws.
std::map<Ipv4, std::string> neighbours(const Site& site, Guest& guest, const std::vector<Ipv4>& addresses);

}  // namespace hlid::cluster
