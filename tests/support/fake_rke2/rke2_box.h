#pragma once
#include <functional>
#include <string>
#include <vector>

#include "support/box.h"

/// Boxes with the stand-in installed, as an operator would do it by hand: for tests of the stand-in itself.
namespace hlid::test {

inline constexpr const char* kToken = "a-token-for-tests";

/// Folder of a release's artifacts.
std::string artifacts(const std::string& version);

class Rke2Box : public Box {
 public:
  using Box::Box;
  /// Bundle, images; the machine need not know of the cluster yet.
  void install(const std::string& version);
  void configure(const std::string& yaml);
  /// Without waiting. `role`: "server", "agent".
  void start(const std::string& role);
  void restart(const std::string& role);
  std::string kubectl(const std::string& arguments);  ///< its output; "" and a test failure when it fails
  sys::ProcessResult try_kubectl(const std::string& arguments);
  std::string journal(const std::string& role);
  std::string unit_state(const std::string& role);  ///< "active/running"
  std::string read(const std::string& path);
  void write(const std::string& path, const std::string& content);
  void fault(const std::string& lines) { write("/etc/rke2-fake/faults", lines); }
  /// "name voter|learner" of each member, sorted, comma between; "" when 9345 does not say.
  std::vector<std::string> members();
};

/// main() of a test program whose cases live in boxes: 77 where there can be none. Without HLID_LONG in the
/// environment and without a filter only `selection` (as --gtest_filter takes it) runs.
int run_in_boxes(int count, char** words, const std::string& selection);

/// Until it holds; false when the time is over, threefold because the machine may have much else to do.
bool eventually(std::chrono::seconds limit, const std::function<bool()>& holds);

}  // namespace hlid::test
