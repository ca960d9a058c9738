#include "drive/host_facts.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

#include "base/text.h"
#include "sys/unique_fd.h"

namespace hlid::drive {
namespace {

std::string flags_of_first_processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("flags")) return line;
  return {};
}

}  // namespace

Acceleration judge_acceleration(int open_errno, const std::string& cpu_flags) {
  if (open_errno == ENOENT) return {false, "/dev/kvm does not exist"};
  if (open_errno == EACCES) return {false, "/dev/kvm may not be opened by this user (group kvm)"};
  if (open_errno != 0)
    return {false, "/dev/kvm does not open: " + std::generic_category().message(open_errno)};
  const auto flags = split_list(cpu_flags, " \t");
  for (const char* flag : {"vmx", "svm"})
    if (std::find(flags.begin(), flags.end(), flag) != flags.end())
      return {true, std::string("/dev/kvm opens and the processor has ") + flag};
  return {false, "/dev/kvm opens, but the processor shows neither vmx nor svm"};
}

Acceleration acceleration_of_this_machine() {
  const sys::UniqueFd device(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  return judge_acceleration(device ? 0 : errno, flags_of_first_processor());
}

}  // namespace hlid::drive
