#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace hlid::bench {

/// One line: a budget, what was measured, and what it is measured against.
struct Row {
  std::string what;
  std::string budget;
  std::string measured;
  std::string yardstick;  ///< of the same run, or recorded ("real: …"); may be empty
  bool within = false;
};

/// Prints a row as soon as it is known.
class Table {
 public:
  Table();
  void add(const Row& row);
  /// Something that could not be measured here, and why.
  void skip(const std::string& what, const std::string& why);
  bool all_within() const { return misses_ == 0; }

 private:
  int misses_ = 0;
};

double seconds(const std::function<void()>& work);
/// The middle of `count` runs.
double median_seconds(int count, const std::function<void()>& work);
std::string in_ms(double seconds);

void plan_rows(Table& table);
void memory_and_api_rows(Table& table, bool memory, bool api);
void task_rows(Table& table);
void clone_rows(Table& table);
void template_rows(Table& table);
void instant_rows(Table& table);

}  // namespace hlid::bench
