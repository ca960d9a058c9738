#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace hlid::spec {

bool is_time_zone(std::string_view name);  ///< "Europe/Paris", "Etc/UTC", "UTC"
std::vector<std::string> time_zones();

}  // namespace hlid::spec
