#include "sys/home.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/error.h"

namespace hlid::sys {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::filesystem::path hlid_home() {
  if (const auto home = variable("HLID_HOME"); !home.empty()) return std::filesystem::absolute(home);
  if (::geteuid() == 0) return "/var/lib/hlid";
  if (const auto data = variable("XDG_DATA_HOME"); !data.empty()) return std::filesystem::path(data) / "hlid";
  if (const auto home = variable("HOME"); !home.empty())
    return std::filesystem::path(home) / ".local" / "share" / "hlid";
  throw Error(Errc::precondition, "neither HLID_HOME nor HOME is set")
      .with_hint("set HLID_HOME to a folder of yours");
}

std::filesystem::path program_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

}  // namespace hlid::sys
