#include "sys/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"

namespace hlid::sys {
namespace {

/// An ordinary user's PATH often lacks the folders where mkfs.ext4, ip, nft and their like live, and these
/// in turn start others from there: they are searched last, by us and by what we start.
std::string search_path(std::string path) {
  for (const auto* folder : {"/usr/local/sbin", "/usr/sbin", "/sbin"}) {
    const auto parts = split(path, ':');
    if (std::find(parts.begin(), parts.end(), folder) == parts.end())
      path += (path.empty() ? "" : ":") + std::string(folder);
  }
  return path;
}

/// The program's full path, or its name as it is when it lies nowhere.
std::string find_program(const std::string& name, const std::vector<std::string>& environment) {
  if (contains(name, "/")) return name;
  for (const auto& entry : environment) {
    if (!entry.starts_with("PATH=")) continue;
    for (const auto& folder : split(entry.substr(5), ':'))
      if (const auto path = folder + "/" + name; !folder.empty() && ::access(path.c_str(), X_OK) == 0)
        return path;
  }
  return name;
}

std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const auto name = text.substr(0, text.find('='));
    const bool replaced =
        std::any_of(added.begin(), added.end(), [&](const auto& e) { return e.first == name; });
    if (!replaced) all.push_back(text);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  const auto path =
      std::find_if(all.begin(), all.end(), [](const auto& entry) { return entry.starts_with("PATH="); });
  if (path == all.end()) {
    all.push_back("PATH=" + search_path("/usr/local/bin:/usr/bin:/bin"));
  } else {
    *path = "PATH=" + search_path(path->substr(5));
  }
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (auto& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

struct Actions {
  posix_spawn_file_actions_t value;
  Actions() { posix_spawn_file_actions_init(&value); }
  ~Actions() { posix_spawn_file_actions_destroy(&value); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
};

struct Attributes {
  posix_spawnattr_t value;
  Attributes() { posix_spawnattr_init(&value); }
  ~Attributes() { posix_spawnattr_destroy(&value); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
};

void set_attributes(posix_spawnattr_t& attributes, const SpawnOptions& options) {
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (options.new_group) flags |= POSIX_SPAWN_SETPGROUP;
  if (options.new_session) flags |= POSIX_SPAWN_SETSID;
  posix_spawnattr_setflags(&attributes, static_cast<short>(flags));
}

void add_actions(posix_spawn_file_actions_t& actions, const SpawnOptions& options) {
  if (!options.folder.empty()) posix_spawn_file_actions_addchdir_np(&actions, options.folder.c_str());
  for (const auto& [ours, theirs] : options.fds) {
    if (ours < 0) {
      posix_spawn_file_actions_addopen(&actions, theirs, "/dev/null", O_RDWR, 0);
    } else {
      posix_spawn_file_actions_adddup2(&actions, ours, theirs);
    }
  }
  // Not every library opens its descriptors close-on-exec (Asio's sockets are not): a machine that inherited
  // the API's listening socket would keep the port from the next daemon.
  int last = STDERR_FILENO;
  for (const auto& [ours, theirs] : options.fds) last = std::max(last, theirs);
  posix_spawn_file_actions_addclosefrom_np(&actions, last + 1);
}

}  // namespace

int spawn(const std::vector<std::string>& argv, const SpawnOptions& options, pid_t* pid) {
  auto arguments = argv;
  auto environment = environment_with(options.env);
  Actions actions;
  Attributes attributes;
  set_attributes(attributes.value, options);
  add_actions(actions.value, options);
  const auto program = find_program(argv.front(), environment);
  return ::posix_spawnp(pid, program.c_str(), &actions.value, &attributes.value,
                        pointers_to(arguments).data(), pointers_to(environment).data());
}

}  // namespace hlid::sys
