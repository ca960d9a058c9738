// The lab of the tests of faults: three servers and an agent, made and formed when a case first needs it, and
// the same for all cases. What a case breaks it mends.
#pragma once

#include <gtest/gtest.h>

#include "box_lab.h"

namespace hlid::test {

inline constexpr const char* kRelease = "v1.34.1+rke2r1";
/// Deadlines of a quarter of an hour come in half a minute.
inline constexpr int kHurry = 30;

inline std::unique_ptr<BoxLab>& the_fault_lab() {
  static std::unique_ptr<BoxLab> lab;
  return lab;
}

class FaultTest : public testing::Test {
 protected:
  static BoxLab& lab() {
    auto& made = the_fault_lab();
    if (!made) {
      made = std::make_unique<BoxLab>(3, 1);
      for (const auto& name : made->names()) hasten(name);
    }
    return *made;
  }
  static BoxLab& formed() {
    if (!lab().look().answers) {
      EXPECT_EQ(lab().up(), (Told{cli::Exit::done, ""}));
    }
    return lab();
  }
  /// Nothing in the stand-in that only passes time, and the faults that are asked for.
  static void hasten(const std::string& name, const std::string& more = {}) {
    lab().box(name).fault(more + "promote_delay=2\nimport_delay=0\ncni_delay=1\n");
  }
  /// A machine of the same name with nothing on its disk, not yet joined.
  static void make_anew(const std::string& name, const std::string& faults = {}) {
    formed().rebuild(name);
    hasten(name, faults);
  }

  /// The run ends so: this status, the first broken link in these words, and something to do.
  static void expect_told(const Told& told, cli::Exit status, const std::vector<std::string>& parts) {
    EXPECT_EQ(static_cast<int>(told.status), static_cast<int>(status)) << told;
    for (const auto& part : parts) EXPECT_TRUE(told.says(part)) << "does not say: " << part << "\n" << told;
    EXPECT_TRUE(told.says("\n  fix: ")) << told;
  }
  /// The very same command, now that the fault is mended, ends well, and leaves nothing to do.
  static void expect_mended() {
    EXPECT_EQ(lab().up(), (Told{cli::Exit::done, ""}));
    EXPECT_TRUE(eventually(std::chrono::seconds(30), [] { return lab().ill().empty(); })) << lab().ill();
    EXPECT_EQ(lab().look().voters(), 3);
  }
  /// What a fault does to one machine is nobody else's trouble.
  static void expect_well(const std::set<std::string>& names) { EXPECT_EQ(lab().ill(names), ""); }
};

}  // namespace hlid::test
