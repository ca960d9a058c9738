#include "node/qemu/line_framer.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.h"

namespace hlid::node::qemu {
namespace {

std::vector<std::string> drain(LineFramer& framer) {
  std::vector<std::string> lines;
  while (auto line = framer.next()) lines.push_back(std::move(*line));
  return lines;
}
using Lines = std::vector<std::string>;

TEST(LineFramer, TwoMessagesInOneRead) {
  LineFramer framer(100);
  framer.feed("{\"a\":1}\r\n{\"b\":2}\r\n");
  EXPECT_EQ(drain(framer), (Lines{"{\"a\":1}", "{\"b\":2}"}));
}

TEST(LineFramer, HalfAMessageWaitsForItsRest) {
  LineFramer framer(100);
  framer.feed("{\"a\"");
  EXPECT_EQ(framer.next(), std::nullopt);
  framer.feed(":1}\r");
  EXPECT_EQ(framer.next(), std::nullopt);
  framer.feed("\n");
  EXPECT_EQ(drain(framer), (Lines{"{\"a\":1}"}));
}

TEST(LineFramer, ADelimiterDropsWhatCameBefore) {
  LineFramer framer(100);
  framer.feed("{\"late\":1}\n{\"ha\xff{\"return\":7}\n");
  EXPECT_EQ(drain(framer), (Lines{"{\"return\":7}"}));
  EXPECT_EQ(framer.delimiters(), 1U);
}

TEST(LineFramer, AnEndlessLineIsRefused) {
  LineFramer framer(10);
  framer.feed("0123456789");
  EXPECT_THROW(framer.feed("x"), Error);
}

RC_GTEST_PROP(LineFramerProperty, FragmentationDoesNotMatter, (const std::string& text)) {
  LineFramer whole(text.size() + 1);
  whole.feed(text);
  LineFramer pieces(text.size() + 1);
  for (const char c : text) pieces.feed(std::string_view(&c, 1));
  RC_ASSERT(drain(whole) == drain(pieces));
}

}  // namespace
}  // namespace hlid::node::qemu
