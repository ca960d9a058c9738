#include <gtest/gtest.h>

#include <cstdio>
#include <set>

#include "base/error.h"
#include "table.h"

namespace {

const std::set<std::string> kRows{"plan", "memory", "api", "tasks", "clone", "template", "instant"};

int run(const std::set<std::string>& wanted) {
  using namespace hlid::bench;
  Table table;
  if (wanted.contains("plan")) plan_rows(table);
  if (wanted.contains("memory") || wanted.contains("api"))
    memory_and_api_rows(table, wanted.contains("memory"), wanted.contains("api"));
  if (wanted.contains("tasks")) task_rows(table);
  if (wanted.contains("clone")) clone_rows(table);
  if (wanted.contains("template")) template_rows(table);
  if (wanted.contains("instant")) instant_rows(table);
  return table.all_within() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest();  // its checks are used by what bench shares with the system tests
  std::set<std::string> wanted(argv + 1, argv + argc);
  for (const auto& row : wanted)
    if (!kRows.contains(row)) {
      std::fprintf(stderr, "bench: no row '%s'; there are: api clone instant memory plan tasks template\n",
                   row.c_str());
      return 2;
    }
  try {
    return run(wanted.empty() ? kRows : wanted);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench: %s\n", error.what());
    return 1;
  }
}
