#include "template/guest_program.h"

#include <cstdlib>

#include "sys/files.h"
#include "sys/hash.h"
#include "sys/home.h"

namespace hlid::templates {

namespace fs = std::filesystem;

std::optional<fs::path> find_guest_program() {
  std::vector<fs::path> places;
  if (const char* given = std::getenv("HLID_DATADIR"); given != nullptr)
    places.push_back(fs::path(given) / "hlid-guest");
  places.push_back(sys::program_folder() / "hlid-guest");
  places.push_back(sys::program_folder() / "../lib/hlid/hlid-guest");
  for (const auto& place : places) {
    std::error_code absent;
    if (fs::is_regular_file(place, absent)) return fs::canonical(place);
  }
  return std::nullopt;
}

std::optional<ImageFile> guest_program_file() {
  const auto program = find_guest_program();
  if (!program) return std::nullopt;
  return ImageFile{.path = kGuestProgramPath, .text = sys::read_file(*program), .mode = 0755};
}

std::string guest_program_digest() {
  const auto program = find_guest_program();
  return program ? sys::sha256_file(*program) : "";
}

}  // namespace hlid::templates
