#pragma once
#include <string>

namespace hlid::fake_rke2 {

/// "v1.34.1+rke2r1": the release this very file is. One program serves as every release: whoever makes the
/// artifacts appends the line "\nFAKE-RKE2-VERSION=<version>\n" to it. RKE2_FAKE_VERSION in the environment
/// is for the program without such a line.
const std::string& version();
/// As images are tagged: '+' is '-'.
std::string image_tag();
/// The minor number, 34.
int minor_version();

}  // namespace hlid::fake_rke2
