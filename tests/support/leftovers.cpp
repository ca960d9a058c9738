#include "support/leftovers.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

#include "sys/unique_fd.h"

namespace hlid::test {

namespace fs = std::filesystem;

namespace {

/// Of a file that may vanish or be forbidden at any moment.
std::string slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

char state_of(pid_t pid) {
  const std::string stat = slurp("/proc/" + std::to_string(pid) + "/stat");
  const auto end = stat.rfind(')');  // the name before it may hold anything
  return end == std::string::npos || end + 2 >= stat.size() ? 'X' : stat[end + 2];
}

std::string command_line(pid_t pid) {
  std::string text = slurp("/proc/" + std::to_string(pid) + "/cmdline");
  std::ranges::replace(text, '\0', ' ');
  return text;
}

bool is_disk(const fs::path& path) {
  static const std::set<std::string> kinds{".raw", ".qcow2", ".img", ".vmdk"};
  return kinds.contains(path.extension().string());
}

/// Every entry below a folder; one that cannot be read is passed over.
template <typename F>
void walk(const fs::path& folder, F&& visit) {
  std::error_code failure;
  for (fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, failure),
       end;
       !failure && at != end; at.increment(failure))
    visit(at->path());
}

}  // namespace

std::vector<pid_t> processes_of(std::string_view mark) {
  std::vector<pid_t> found;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator("/proc", failure)) {
    const std::string name = entry.path().filename().string();
    pid_t pid = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad != std::errc{} || end != name.data() + name.size() || pid == ::getpid()) continue;
    const char state = state_of(pid);
    if (state == 'Z' || state == 'X') continue;
    if (command_line(pid).find(mark) != std::string::npos ||
        slurp(entry.path() / "environ").find(mark) != std::string::npos)
      found.push_back(pid);
  }
  return found;
}

std::string process_name(pid_t pid) {
  std::error_code failure;
  const auto target = fs::read_symlink("/proc/" + std::to_string(pid) + "/exe", failure);
  return failure ? std::string() : target.filename().string();
}

std::string describe_process(pid_t pid) {
  return std::to_string(pid) + ": " + command_line(pid).substr(0, 160);
}

std::set<std::string> network_interfaces() {
  std::set<std::string> names;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator("/sys/class/net", failure))
    names.insert(entry.path().filename());
  return names;
}

bool is_ours(std::string_view interface_name) {
  return interface_name.starts_with("tap") || interface_name.starts_with("vmbr") ||
         interface_name.starts_with("fw");
}

std::vector<std::string> files_left(const fs::path& home) {
  std::vector<std::string> left;
  walk(home / "nodes", [&](const fs::path& path) {
    const std::string name = path.filename().string();
    const std::string folder = path.parent_path().filename().string();
    const bool config = folder == "qemu-server" && path.extension() == ".conf";
    const bool disk = path.string().find("/images/") != std::string::npos && is_disk(path);
    const bool of_run = path.string().find("/run/") != std::string::npos;
    const bool socket = of_run && fs::is_socket(fs::symlink_status(path));
    const bool pid_file = of_run && path.extension() == ".pid";
    if (config || disk || socket || pid_file) left.push_back("file " + path.string());
  });
  return left;
}

std::vector<std::string> held_locks(const fs::path& home) {
  std::vector<std::string> held;
  walk(home, [&](const fs::path& path) {
    const std::string name = path.filename().string();
    if (name.find("lock") == std::string::npos || !fs::is_regular_file(fs::symlink_status(path))) return;
    const sys::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file && ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) held.push_back(path.string());
  });
  return held;
}

std::vector<std::string> files_with(const fs::path& folder, std::string_view needle) {
  std::vector<std::string> found;
  walk(folder, [&](const fs::path& path) {
    std::error_code failure;
    const auto size = fs::is_regular_file(fs::symlink_status(path)) ? fs::file_size(path, failure) : 0;
    if (failure || size == 0 || size > (64U << 20)) return;  // disks of machines hold what is theirs
    if (slurp(path).find(needle) != std::string::npos) found.push_back(path.string());
  });
  return found;
}

}  // namespace hlid::test
