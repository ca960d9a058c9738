#include "base/text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.h"

namespace hlid {
namespace {

TEST(Text, SplitKeepsEmptyPiecesAndSplitListDropsThem) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(split("", ','), (std::vector<std::string>{""}));
  EXPECT_EQ(split_list("a,; b", ",; "), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(split_list("", ",; "), std::vector<std::string>{});
}

TEST(Text, PercentEncodesAllButUnreserved) {
  EXPECT_EQ(percent_encode("a b+/=@:\n"), "a%20b%2B%2F%3D%40%3A%0A");
  EXPECT_EQ(percent_decode("a+b%2", true), "a b%2");
}

TEST(Text, Base64AsInRfc4648Section10) {
  EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64_encode("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64_encode("foob"), "Zm9vYg==");
  EXPECT_THROW(base64_decode("Zm9*"), Error);
}

TEST(Text, SuggestsTheNearWordOnly) {
  const std::vector<std::string> keys{"memory", "cores", "disk"};
  EXPECT_EQ(suggest("memroy", keys), "memory");
  EXPECT_EQ(suggest("Cores", keys), "cores");
  EXPECT_EQ(suggest("network", keys), "");
}

RC_GTEST_PROP(TextProperty, PercentDecodingUndoesEncoding, (const std::string& text)) {
  RC_ASSERT(percent_decode(percent_encode(text)) == text);
}

RC_GTEST_PROP(TextProperty, Base64DecodingUndoesEncoding, (const std::string& text)) {
  RC_ASSERT(base64_decode(base64_encode(text)) == text);
}

}  // namespace
}  // namespace hlid
