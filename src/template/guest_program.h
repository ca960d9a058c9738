#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "template/files.h"

/// hlid-guest, the program that every template carries so that its machines can be instant (module guest).
namespace hlid::templates {

/// Where it is in the image.
inline constexpr const char* kGuestProgramPath = "/usr/lib/hlid/hlid-guest";

/// $HLID_DATADIR/hlid-guest, beside our own program (build folder), or ../lib/hlid/hlid-guest (installed);
/// nullopt when there is none: then machines of the template boot as usual.
std::optional<std::filesystem::path> find_guest_program();
/// It as a file of the image; nullopt as above.
std::optional<ImageFile> guest_program_file();
/// SHA-256 of it, part of the template's content key; "" when there is none.
std::string guest_program_digest();

}  // namespace hlid::templates
