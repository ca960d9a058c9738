#pragma once
#include <string_view>

namespace hlid::cluster {

/// What RKE2's archive has and K3s's single program lacks: functions of the install script that write the
/// units and the scripts that end and remove it.
extern const std::string_view kK3sFilesScript;

}  // namespace hlid::cluster
