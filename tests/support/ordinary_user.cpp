#include "support/ordinary_user.h"

#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

namespace hlid::test {
namespace {

bool open_tun_to_all() {
  char folder[] = "/tmp/hlid-tun-XXXXXX";
  if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return false;
  if (::mkdtemp(folder) == nullptr || ::mount("none", folder, "tmpfs", 0, nullptr) != 0) return false;
  const auto node = std::string(folder) + "/tun";
  return ::mknod(node.c_str(), S_IFCHR | 0666, makedev(10, 200)) == 0 && ::chmod(node.c_str(), 0666) == 0 &&
         ::mount(node.c_str(), "/dev/net/tun", nullptr, MS_BIND, nullptr) == 0 &&
         ::umount2(folder, MNT_DETACH) == 0 && ::rmdir(folder) == 0;
}

bool become(unsigned user) {
  // Dumpable again, or the user could not look into its own /proc/self.
  return ::setgroups(0, nullptr) == 0 && ::setgid(user) == 0 && ::setuid(user) == 0 &&
         ::prctl(PR_SET_DUMPABLE, 1) == 0;
}

/// Kept between runs, for what tests build once (test_cache in lab.h).
bool has_own_home(const std::string& user) {
  const auto home = "/tmp/hlid-user-" + user;
  if (::mkdir(home.c_str(), 0700) != 0 && errno != EEXIST) return false;
  return ::setenv("HOME", home.c_str(), 1) == 0 &&
         ::setenv("HLID_TEST_CACHE", (home + "/cache").c_str(), 0) == 0;
}

}  // namespace

bool become_asked_user() {
  const char* user = std::getenv("HLID_TEST_AS_USER");
  if (user == nullptr || *user == '\0' || ::geteuid() != 0) return true;
  return open_tun_to_all() && become(static_cast<unsigned>(std::atoi(user))) && has_own_home(user);
}

}  // namespace hlid::test
