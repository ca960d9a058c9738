#pragma once
#include <string>
#include <vector>

#include "node_api.h"
#include "support/lab.h"

namespace hlid::bench {

/// A daemon on a home of its own, without `hlid`.
class BenchNode {
 public:
  /// `machines`: how many made-up configurations it finds.
  explicit BenchNode(int machines = 0);
  test::Lab& lab() { return lab_; }
  test::NodeApi& api() { return *api_; }
  pid_t pid() const { return daemon_.pid; }
  double resident_mib() const;
  double cpu_seconds() const;

 private:
  test::Lab lab_{"bench"};
  std::unique_ptr<test::Running> process_;
  std::unique_ptr<test::NodeApi> api_;
  sys::ProcessId daemon_;
};

/// Writes machine configurations numbered from `first`, as `hlid` makes them for a lab of that name.
void write_machines(const test::Lab& lab, const std::string& name, int first, int count);

}  // namespace hlid::bench
