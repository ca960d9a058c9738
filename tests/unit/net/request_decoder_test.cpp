#include "net/request_decoder.h"

#include <gtest/gtest.h>

namespace hlid::net {
namespace {

using State = RequestDecoder::State;

/// Feeds the bytes in pieces of `step`; returns what is left of the input once the decoder stops taking.
std::string feed_all(RequestDecoder& decoder, std::string bytes, std::size_t step) {
  std::string pending;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    pending += bytes.substr(at, step);
    while (!pending.empty()) {
      const auto used = decoder.feed(pending);
      pending.erase(0, used);
      if (used == 0 || decoder.state() == State::done || decoder.state() == State::failed) break;
    }
  }
  return pending;
}

const std::string kPost =
    "POST /api2/json/nodes/asgard/qemu HTTP/1.1\r\nHost: asgard:8006\r\nContent-Length: 8\r\n\r\nvmid=100";

TEST(RequestDecoder, ReadsARequestInPiecesOfAnySize) {
  for (std::size_t step = 1; step <= kPost.size(); ++step) {
    RequestDecoder decoder(8192, 64);
    EXPECT_EQ(feed_all(decoder, kPost, step), "");
    ASSERT_EQ(decoder.state(), State::done) << step;
    EXPECT_EQ(decoder.request().method, "POST");
    EXPECT_EQ(decoder.request().target, "/api2/json/nodes/asgard/qemu");
    EXPECT_EQ(decoder.request().version, 11);
    EXPECT_EQ(decoder.request().body, "vmid=100");
    EXPECT_EQ(find_header(decoder.request().headers, "host"), "asgard:8006");
  }
}

TEST(RequestDecoder, StopsAfterTheHeadSoThatTheBodyCanBeJudged) {
  RequestDecoder decoder(8192, 64);
  const auto used = decoder.feed(kPost);
  EXPECT_EQ(decoder.state(), State::body);
  EXPECT_EQ(kPost.substr(used), "vmid=100");
  EXPECT_EQ(decoder.content_length(), 8U);
}

TEST(RequestDecoder, LeavesThePipelinedRequestAlone) {
  RequestDecoder decoder(8192, 64);
  const std::string two = "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n";
  const auto used = decoder.feed(two);
  ASSERT_EQ(decoder.state(), State::done);
  EXPECT_EQ(decoder.request().target, "/a");
  decoder.next();
  EXPECT_TRUE(decoder.idle());
  decoder.feed(std::string_view(two).substr(used));
  EXPECT_EQ(decoder.request().target, "/b");
}

TEST(RequestDecoder, JoinsChunks) {
  RequestDecoder decoder(8192, 64);
  feed_all(decoder,
           "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\n\r\n",
           5);
  ASSERT_EQ(decoder.state(), State::done);
  EXPECT_EQ(decoder.request().body, "abcdefg");
  EXPECT_FALSE(decoder.content_length());
}

TEST(RequestDecoder, RefusesWhatIsNotHttp) {
  const std::vector<std::string> wrong = {
      "GET / HTTP/9.9\r\n\r\n",
      "GET\r\n\r\n",
      "\x16\x03\x01\x02",
      "GET / HTTP/1.1\r\nNo colon here\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      std::string("GET /\0 HTTP/1.1\r\n\r\n", 19),
  };
  for (const auto& text : wrong) {
    RequestDecoder decoder(8192, 64);
    feed_all(decoder, text, text.size());
    EXPECT_EQ(decoder.state(), State::failed) << text;
    EXPECT_NE(decoder.problem(), "");
  }
}

TEST(RequestDecoder, LimitsTheHead) {
  RequestDecoder decoder(1000, 64);
  feed_all(decoder, "GET /" + std::string(2000, 'a'), 100);
  EXPECT_EQ(decoder.state(), State::failed);

  RequestDecoder lines(8192, 3);
  feed_all(lines, "GET / HTTP/1.1\r\na: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n\r\n", 1000);
  EXPECT_EQ(lines.state(), State::failed);
}

TEST(Cookies, FindsOneOfSeveral) {
  EXPECT_EQ(find_cookie("a=1; PVEAuthCookie=PVE%3Aroot@pam:X::abc=; b=2", "PVEAuthCookie"),
            "PVE%3Aroot@pam:X::abc=");
  EXPECT_EQ(find_cookie("xPVEAuthCookie=1", "PVEAuthCookie"), std::nullopt);
  EXPECT_EQ(find_cookie("", "a"), std::nullopt);
}

}  // namespace
}  // namespace hlid::net
