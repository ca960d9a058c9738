#include "base/units.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace hlid {
namespace {

TEST(Units, ReadsTheUnitsOfTheFileAndOfProxmox) {
  EXPECT_EQ(parse_bytes("4GiB"), gib(4));
  EXPECT_EQ(parse_bytes("512MiB"), mib(512));
  EXPECT_EQ(parse_bytes("50G"), gib(50));
  EXPECT_EQ(parse_bytes("1TiB"), gib(1024));
  EXPECT_EQ(parse_bytes("0.5G"), mib(512));
  EXPECT_EQ(parse_bytes("1024"), kib(1));
}

TEST(Units, RefusesWhatIsNotAnAmount) {
  for (const char* text :
       {"", "GiB", "-1G", "4GB", "4 Gib", "1e3", "4G iB", "99999999999T", "0.3", "nan", "inf"})
    EXPECT_EQ(parse_bytes(text), std::nullopt) << text;
}

TEST(Units, ShowsPeopleOneDecimal) {
  EXPECT_EQ(to_human(Bytes{512}), "512 B");
  EXPECT_EQ(to_human(mib(1536)), "1.5 GiB");
}

RC_GTEST_PROP(UnitsProperty, ParseUndoesPrint, ()) {
  const auto count = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 50);
  RC_ASSERT(parse_bytes(to_string(Bytes{count})) == Bytes{count});
}

}  // namespace
}  // namespace hlid
