#include "node/daemon/arguments.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hlid::node::daemon {
namespace {

TEST(Arguments, AreOptionsSwitchesAndWords) {
  const Arguments arguments({"10.0.0.1", "--home", "/x", "--quiet", "22", "--", "--not-an-option"}, {"home"},
                            {"quiet"});
  EXPECT_EQ(arguments.words(), (std::vector<std::string>{"10.0.0.1", "22", "--not-an-option"}));
  EXPECT_EQ(arguments.option("home"), "/x");
  EXPECT_TRUE(arguments.has("quiet"));
  EXPECT_FALSE(arguments.option("node"));
  EXPECT_NO_THROW(arguments.expect_words(3, "x"));
}

TEST(Arguments, RefuseWhatTheyDoNotKnow) {
  EXPECT_THROW(Arguments({"--what"}, {}), Error);
  EXPECT_THROW(Arguments({"--home"}, {"home"}), Error);
  EXPECT_THROW(Arguments({}, {"node"}).required("node"), Error);
  EXPECT_THROW(Arguments({"a"}, {}).expect_words(2, "x"), Error);
}

TEST(Arguments, NumbersHaveBounds) {
  EXPECT_EQ(parse_number("65535", 1, 65535, "port"), 65535);
  for (const char* text : {"", "0", "65536", "1x", "-1", "99999999999999999999"})
    EXPECT_THROW(parse_number(text, 1, 65535, "port"), Error) << text;
}

}  // namespace
}  // namespace hlid::node::daemon
