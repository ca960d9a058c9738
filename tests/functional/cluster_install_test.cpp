#include <gtest/gtest.h>

#include "base/text.h"
#include "sys/programs.h"
#include "unit/cluster/install_world.h"

namespace hlid::cluster {
namespace {

/// Programs that the script calls, each of which ends the whole script by SIGKILL at its n-th call.
class Killer {
 public:
  explicit Killer(const fs::path& folder) : folder_(folder) {
    sys::make_folder(folder);
    const auto count = (folder / "count").string();
    for (const auto* name : {"mv", "sync", "cp", "tar", "rm", "touch"})
      write_quickly(folder / name,
                    fmt::format("#!/bin/sh\nread -r left <{0}\nleft=$((left - 1))\necho $left >{0}\n"
                                "[ $left -ne 0 ] || kill -9 0\nexec {1} \"$@\"\n",
                                count, sys::find_program(name).value()),
                    true);
  }
  std::string before(const std::string& path) const { return folder_.string() + ":" + path; }
  void arm(int calls) { write_quickly(folder_ / "count", std::to_string(calls) + "\n"); }

 private:
  fs::path folder_;
};

TEST_F(InstallTest, KilledAnywhereItLeavesOneOfTheTwoAndTheNextRunFinishes) {
  install(guest_, old_);
  const auto saved = folder_.path() / "saved";
  fs::copy(root_, saved, fs::copy_options::recursive);
  InstallOptions options;
  options.replace = Replace::older;
  install(guest_, new_, options);
  const auto finished = tree();
  Killer killer(folder_.path() / "killer");
  const auto path = guest_.path;
  int rounds = 0;
  for (bool killed = true; killed; ++rounds) {
    fs::remove_all(root_);
    fs::copy(saved, root_, fs::copy_options::recursive);
    killer.arm(rounds + 1);
    guest_.path = killer.before(path);
    killed = failure(new_, Replace::older).message() != "nothing was thrown";
    guest_.path = path;
    const auto version = said_version();
    EXPECT_TRUE(contains(version, "v1.33.9+rke2r1") || contains(version, "v1.34.1+rke2r1")) << rounds;
    install(guest_, new_, options);
    EXPECT_EQ(tree(), finished) << rounds;
    EXPECT_FALSE(exists("usr/local/.hlid-new")) << rounds;
    EXPECT_FALSE(exists("var/lib/rancher/rke2/hlid/new")) << rounds;
  }
  EXPECT_GT(rounds, 15);
}

}  // namespace
}  // namespace hlid::cluster
