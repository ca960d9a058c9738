#pragma once
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace hlid::sys {

struct SpawnOptions {
  std::string folder = {};
  std::vector<std::pair<std::string, std::string>> env = {};  ///< added to ours
  std::vector<std::pair<int, int>> fds = {};                  ///< {ours, the child's}; ours -1 is /dev/null
  bool new_group = false;
  bool new_session = false;
};

/// posix_spawnp: default signal dispositions, empty signal mask, only the listed descriptors and the
/// standard ones. Returns 0 or errno.
int spawn(const std::vector<std::string>& argv, const SpawnOptions& options, pid_t* pid);

}  // namespace hlid::sys
