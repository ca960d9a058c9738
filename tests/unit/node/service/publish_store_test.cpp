#include "node/service/publish_store.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "sys/files.h"

namespace hlid::node::service {
namespace {

using forward::Rule;

Rule rule(const char* listen, std::initializer_list<const char*> to, const char* lab = "") {
  Rule made{.listen = *forward::parse_endpoint(listen), .to = {}, .lab = lab};
  for (const char* endpoint : to) made.to.push_back(*forward::parse_endpoint(endpoint));
  return made;
}

TEST(Publish, FileReadsAsItWasWritten) {
  const std::vector<Rule> rules{rule("127.0.0.1:8080", {"10.10.10.111:80", "10.10.10.112:80"}, "valaskjalf"),
                                rule("0.0.0.0:443", {"10.10.10.111:443"})};
  EXPECT_EQ(print_publish(rules),
            "tcp: 127.0.0.1:8080\n"
            "\tto 10.10.10.111:80,10.10.10.112:80\n"
            "\tlab valaskjalf\n\n"
            "tcp: 0.0.0.0:443\n"
            "\tto 10.10.10.111:443\n\n");
  EXPECT_EQ(parse_publish(print_publish(rules)), rules);
}

TEST(Publish, WhatIsNoPublishedPortIsLeftOut) {
  const auto rules = parse_publish(
      "udp: 1.2.3.4:5\n\tto 1.2.3.4:5\n\ntcp: nonsense\n\tto 1.2.3.4:5\n\ntcp: 1.2.3.4:5\n\n"
      "tcp: 1.2.3.4:6\n\tto x,1.2.3.4:7\n");
  EXPECT_EQ(rules, std::vector{rule("1.2.3.4:6", {"1.2.3.4:7"})});
}

class PublishStoreTest : public testing::Test {
 protected:
  void replace(const std::string& lab, std::vector<Rule> rules) {
    store_.replace(lab, std::move(rules), [this](const std::vector<Rule>& all) { made_ = all; });
  }
  sys::TempFolder folder_;
  PublishStore store_{folder_.path() / "publish.cfg"};
  std::vector<Rule> made_;
};

TEST_F(PublishStoreTest, ALabReplacesItsOwnOnly) {
  EXPECT_TRUE(store_.rules().empty());
  replace("a", {rule("127.0.0.1:1", {"10.0.0.1:1"}), rule("127.0.0.1:2", {"10.0.0.1:2"})});
  replace("b", {rule("127.0.0.1:3", {"10.0.0.1:3"})});
  replace("a", {rule("127.0.0.1:2", {"10.0.0.9:2"})});
  const std::vector<Rule> expected{rule("127.0.0.1:3", {"10.0.0.1:3"}, "b"),
                                   rule("127.0.0.1:2", {"10.0.0.9:2"}, "a")};
  EXPECT_EQ(made_, expected);
  EXPECT_EQ(store_.rules(), expected);
  EXPECT_EQ(PublishStore(folder_.path() / "publish.cfg").rules(), expected);
  replace("a", {});
  EXPECT_EQ(store_.rules().size(), 1U);
}

TEST_F(PublishStoreTest, ThePortOfAnotherLabIsRefused) {
  replace("a", {rule("0.0.0.0:80", {"10.0.0.1:1"})});
  try {
    replace("b", {rule("127.0.0.1:80", {"10.0.0.1:1"})});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), "port 80 of 0.0.0.0 is published by lab 'a'");
    EXPECT_NE(error.hint(), "");
  }
  EXPECT_THROW(replace("b", {rule("1.1.1.1:81", {"10.0.0.1:1"}), rule("0.0.0.0:81", {"10.0.0.1:1"})}), Error);
  EXPECT_EQ(store_.rules().size(), 1U);
}

TEST_F(PublishStoreTest, WhatCannotBeMadeSoIsNotKept) {
  const auto fail = [](const std::vector<Rule>&) { throw Error(Errc::conflict, "in use"); };
  EXPECT_THROW(store_.replace("a", {rule("127.0.0.1:80", {"10.0.0.1:1"})}, fail), Error);
  EXPECT_TRUE(store_.rules().empty());
}

}  // namespace
}  // namespace hlid::node::service
