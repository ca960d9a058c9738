#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace hlid::test {

/// Compares an answer with a recorded one as clients see it: the same keys, JSON types and texts; order of
/// keys and of lists is free. What changes from run to run (UPIDs, times, UUIDs, MAC addresses, digests,
/// tickets, what a host has of memory and disk) only has to look alike.
class Shape {
 public:
  /// `ignored`: places that are not compared, "/data/*/cgroup-mode" ('*' is any one step).
  explicit Shape(std::vector<std::string> ignored) : ignored_(std::move(ignored)) {}

  /// What differs, each with its place; empty: alike.
  std::vector<std::string> differences(const json::value& recorded, const json::value& ours) const;

 private:
  using Problems = std::vector<std::string>;
  void compare(const json::value& recorded, const json::value& ours, const std::string& place,
               Problems& out) const;
  void compare_objects(const json::object& recorded, const json::object& ours, const std::string& place,
                       Problems& out) const;
  void compare_arrays(const json::array& recorded, const json::array& ours, const std::string& place,
                      Problems& out) const;
  bool is_ignored(const std::string& place) const;

  std::vector<std::string> ignored_;
};

/// The text with volatile parts replaced by what they are: <upid qmstart:100:root@pam>, <uuid>, <mac>,
/// <hex40>, ….
std::string normal_text(std::string_view text);

}  // namespace hlid::test
