// The node against exchanges recorded from the real Proxmox VE: every recording in the folder is put to it,
// in order, and what it answers is compared. HLID_CONTRACT_DIR names another folder of recordings.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>

#include "contract/node_under_test.h"
#include "contract/recording.h"
#include "contract/story.h"

namespace hlid::test {
namespace {

const char* word_for(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::passed:
      return "passed";
    case Outcome::Kind::excepted:
      return "exception";
    case Outcome::Kind::skipped:
      return "skipped";
    case Outcome::Kind::failed:
      return "FAILED";
  }
  return "";
}

TEST(NodeContract, AnswersAsRecorded) {
  const auto recordings = recordings_to_play();
  const NodeUnderTest node;
  Story story(node.server(), Notes::read(std::filesystem::path(HLID_SOURCE_DIR) / "tests/contract"));
  std::map<Outcome::Kind, int> counts;
  for (const Outcome& outcome : story.play(recordings)) {
    ++counts[outcome.kind];
    if (outcome.kind == Outcome::Kind::failed) {
      std::string text;
      for (const std::string& problem : outcome.text) text += "\n    " + problem;
      ADD_FAILURE() << outcome.name << text;
    } else if (outcome.kind != Outcome::Kind::passed) {
      fmt::print("{:9} {}: {}\n", word_for(outcome.kind), outcome.name, outcome.text.front());
    }
  }
  fmt::print("{} recordings: {} passed, {} passed but for a named exception, {} skipped by name, {} failed\n",
             counts[Outcome::Kind::passed] + counts[Outcome::Kind::excepted] +
                 counts[Outcome::Kind::skipped] + counts[Outcome::Kind::failed],
             counts[Outcome::Kind::passed], counts[Outcome::Kind::excepted], counts[Outcome::Kind::skipped],
             counts[Outcome::Kind::failed]);
  std::fflush(stdout);
}

}  // namespace
}  // namespace hlid::test
