#pragma once
#include <filesystem>

namespace hlid::sys {

/// The root of everything kept: $HLID_HOME; else /var/lib/hlid for root, $XDG_DATA_HOME/hlid
/// (~/.local/share/hlid) for others (XDG Base Directory Specification). Not created.
std::filesystem::path hlid_home();
/// Our own executable's folder, where the sibling program is looked for.
std::filesystem::path program_folder();

}  // namespace hlid::sys
