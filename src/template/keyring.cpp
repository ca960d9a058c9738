#include "template/keyring.h"

#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "sys/hash.h"
#include "sys/home.h"

#ifndef HLID_DATA_SOURCE
#define HLID_DATA_SOURCE ""
#endif

namespace hlid::templates {
namespace {

std::vector<std::filesystem::path> data_folders() {
  std::vector<std::filesystem::path> folders;
  if (const char* given = std::getenv("HLID_DATADIR"); given != nullptr) folders.emplace_back(given);
  folders.push_back(sys::program_folder() / "../share/hlid");
  if (const std::string source = HLID_DATA_SOURCE; !source.empty()) folders.emplace_back(source);
  return folders;
}

}  // namespace

std::optional<std::filesystem::path> find_keyring(const Release& release) {
  if (release.keyring.empty()) return std::nullopt;
  for (const auto& folder : data_folders())
    if (const auto path = folder / "keyrings" / release.keyring; std::filesystem::exists(path))
      return std::filesystem::canonical(path);
  throw Error(Errc::precondition, "the archive keys of {} ('{}') are not installed", release.title,
              release.keyring)
      .with_hint("set HLID_DATADIR to the folder that holds 'keyrings'");
}

std::string keyring_digest(const Release& release) {
  try {
    const auto path = find_keyring(release);
    return path ? sys::sha256_file(*path) : "";
  } catch (const Error&) {
    return "";
  }
}

}  // namespace hlid::templates
