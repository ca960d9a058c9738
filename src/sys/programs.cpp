#include "sys/programs.h"

#include <unistd.h>

#include <cstdlib>

#include "base/text.h"

namespace hlid::sys {

std::optional<std::string> find_program(std::string_view name) {
  const char* path =
      std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nothing of ours changes the environment
  auto folders = split_list(path == nullptr ? "/usr/bin:/bin" : path, ":");
  folders.insert(folders.end(), {"/usr/local/sbin", "/usr/sbin", "/sbin"});
  for (const auto& folder : folders) {
    auto candidate = folder + "/" + std::string(name);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

}  // namespace hlid::sys
