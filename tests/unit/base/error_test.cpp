#include "base/error.h"

#include <gtest/gtest.h>

#include <type_traits>

#include "base/diagnostics.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/toposort.h"

namespace hlid {
namespace {

TEST(Error, OuterFramesComeFirstAndTheInnermostHintStays) {
  try {
    with_context("making machine 'a'", [] {
      with_context("cloning", [] { throw Error(Errc::conflict, "VM {} is locked", 100).with_hint("wait"); });
    });
    FAIL() << "nothing was thrown";
  } catch (Error& error) {
    EXPECT_STREQ(error.what(), "making machine 'a': cloning: VM 100 is locked");
    EXPECT_EQ(error.with_hint("other").hint(), "wait");
    EXPECT_EQ(error.code(), Errc::conflict);
  }
}

TEST(Diagnostics, ShowsTheLineWithACaretInTheOrderOfTheFile) {
  Diagnostics diagnostics;
  diagnostics.error({"lab.yaml", 2, 3}, "unknown key 'memroy'", "did you mean 'memory'?");
  diagnostics.warning({"lab.yaml", 1, 1}, "old");
  EXPECT_EQ(diagnostics.render("name: x\n  memroy: 1\n"),
            "lab.yaml:1:1: warning: old\n"
            "     1 | name: x\n"
            "       | ^\n"
            "lab.yaml:2:3: error: unknown key 'memroy'\n"
            "     2 |   memroy: 1\n"
            "       |   ^\n"
            "  hint: did you mean 'memory'?\n");
  EXPECT_TRUE(diagnostics.has_errors());
}

TEST(Secret, NeitherFormatsNorConvertsNorCompares) {
  static_assert(!std::is_convertible_v<Secret, std::string>);
  static_assert(!fmt::is_formattable<Secret>::value);
  EXPECT_EQ(Secret("x").reveal(), "x");
}

TEST(Uuid, Version5AsInRfc9562AppendixA4) {
  const Uuid dns{"6ba7b810-9dad-11d1-80b4-00c04fd430c8"};
  EXPECT_EQ(uuid_v5(dns, "www.example.com").text, "2ed6657d-e927-568b-95e1-2665a8aea6a2");
  EXPECT_NE(machine_uuid("a", "b"), machine_uuid("a", "c"));
}

TEST(Vmid, IsBetween100And999999999) {
  EXPECT_EQ(parse_vmid("100"), Vmid{100});
  for (const char* text : {"99", "1000000000", "", "abc", "100x", "-100"})
    EXPECT_EQ(parse_vmid(text), std::nullopt);
}

TEST(Toposort, KeepsEdgesAndIsStable) {
  EXPECT_EQ(toposort(3, {{2, 0}}), (std::vector<std::size_t>{1, 2, 0}));
  EXPECT_EQ(toposort(2, {{0, 1}, {1, 0}}), std::nullopt);
}

TEST(Json, ReadsNumbersThatProxmoxSendsAsText) {
  const auto object = parse_json(R"({"a":"100","b":100,"c":"x","d":null,"e":true})").as_object();
  EXPECT_EQ(get_integer(object, "a"), 100);
  EXPECT_EQ(get_integer(object, "b"), 100);
  EXPECT_EQ(get_integer(object, "c"), std::nullopt);
  EXPECT_EQ(get_string(object, "b"), "100");
  EXPECT_EQ(get_string(object, "d"), std::nullopt);
  EXPECT_EQ(get_bool(object, "e"), true);
}

TEST(Json, RefusesDeepNestingAndRubbish) {
  EXPECT_THROW(parse_json(std::string(100, '[')), Error);
  EXPECT_THROW(parse_json("{"), Error);
}

}  // namespace
}  // namespace hlid
