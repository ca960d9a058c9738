#include <gtest/gtest.h>

#include "drive/observer.h"
#include "unit/drive/lab.h"

namespace hlid::drive {
namespace {

class PublishTest : public ::testing::Test, protected Bench {
 protected:
  static constexpr const char* kPorts =
      "listen=127.0.0.1,port=8080,to=10.10.10.101:80;10.10.10.102:80 "
      "listen=0.0.0.0,port=443,to=10.10.10.101:443";
  void publish(const std::string& ports) { run(plan::StepKind::publish, "asgard", 0, {{"ports", ports}}); }
};

TEST_F(PublishTest, WhatIsPublishedIsSeen) {
  publish(kPorts);
  pve.published["other"] = {"listen=127.0.0.1,port=1,to=10.10.10.9:1"};
  const auto there = PveObserver(lab, session).observe({});
  ASSERT_EQ(there.published.size(), 3U);
  const auto& port = there.published[0];
  EXPECT_EQ(port.lab, "lab");
  EXPECT_EQ(to_string(port.listen), "127.0.0.1");
  EXPECT_EQ(port.port, 8080);
  EXPECT_EQ(port.to, (std::vector<std::string>{"10.10.10.101:80", "10.10.10.102:80"}));
  EXPECT_TRUE(port.active);
  EXPECT_EQ(port.answering, 1);
  EXPECT_EQ(port.connections, 2);
  EXPECT_EQ(there.published[2].lab, "other");
  publish("");
  EXPECT_EQ(PveObserver(lab, session).observe({}).published.size(), 1U);
}

TEST_F(PublishTest, WhatTheNodeRefusesIsToldWithItsAdvice) {
  pve.publish_error = "port 8080 of 127.0.0.1 is in use by another program\nfix: publish another port";
  try {
    publish(kPorts);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "publish asgard: port 8080 of 127.0.0.1 is in use by another program");
    EXPECT_EQ(error.hint(), "publish another port");
  }
}

TEST_F(PublishTest, ANodeThatKnowsNothingOfItPublishesNothing) {
  pve.before = [](const net::HttpRequest& request) -> std::optional<net::HttpResponse> {
    if (!contains(request.url, "/hlid/")) return std::nullopt;
    return net::HttpResponse{501, "Method 'GET /nodes/asgard/hlid/publish' not implemented", {}, ""};
  };
  EXPECT_TRUE(PveObserver(lab, session).observe({}).published.empty());
  try {
    publish(kPorts);
    FAIL();
  } catch (const Error& error) {
    EXPECT_TRUE(contains(error.what(), "older than this hlid")) << error.what();
    EXPECT_TRUE(contains(error.hint(), "hlid node stop"));
  }
}

}  // namespace
}  // namespace hlid::drive
