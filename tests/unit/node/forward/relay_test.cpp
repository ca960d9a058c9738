#include "node/forward/relay.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace hlid::node::forward {
namespace {

struct Pair {
  sys::UniqueFd outer, inner;
};

Pair make_pair() {
  int ends[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
  return {sys::UniqueFd(ends[0]), sys::UniqueFd(ends[1])};
}

/// What can be read now; "<end>" after the last byte, "<reset>" for a broken one.
std::string read_all(const sys::UniqueFd& fd) {
  std::string text;
  std::array<char, 4096> piece;
  for (;;) {
    const auto got = ::recv(fd.get(), piece.data(), piece.size(), 0);
    if (got > 0) {
      text.append(piece.data(), static_cast<std::size_t>(got));
      continue;
    }
    if (got == 0) return text + "<end>";
    return errno == EAGAIN ? text : text + "<reset>";
  }
}

std::size_t write_some(const sys::UniqueFd& fd, std::string_view text) {
  const auto put = ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
  return put > 0 ? static_cast<std::size_t>(put) : 0;
}

class RelayTest : public testing::Test {
 protected:
  RelayTest() {
    auto client = make_pair();
    auto server = make_pair();
    client_ = std::move(client.outer);
    server_ = std::move(server.outer);
    relay_.emplace(std::move(client.inner), std::move(server.inner));
  }
  /// As often as the loop would call it.
  void move() {
    for (int i = 0; i < 3; ++i) relay_->move(scratch_);
  }

  std::array<char, 1024> scratch_;
  sys::UniqueFd client_, server_;
  std::optional<Relay> relay_;
};

TEST_F(RelayTest, CarriesBytesBothWays) {
  write_some(client_, "question");
  write_some(server_, "answer");
  move();
  EXPECT_EQ(read_all(server_), "question");
  EXPECT_EQ(read_all(client_), "answer");
  EXPECT_EQ(relay_->from_client(), 8U);
  EXPECT_EQ(relay_->from_server(), 6U);
  EXPECT_EQ(relay_->wanted_of_client(), Watch::For::reading);
  EXPECT_EQ(relay_->wanted_of_server(), Watch::For::reading);
}

TEST_F(RelayTest, OneDirectionEndsBeforeTheOther) {
  write_some(client_, "all I have to say");
  ::shutdown(client_.get(), SHUT_WR);
  move();
  EXPECT_EQ(read_all(server_), "all I have to say<end>");
  EXPECT_FALSE(relay_->is_over());
  EXPECT_EQ(relay_->wanted_of_client(), Watch::For::nothing);
  write_some(server_, "a late answer");
  move();
  EXPECT_EQ(read_all(client_), "a late answer");
  ::shutdown(server_.get(), SHUT_WR);
  move();
  EXPECT_EQ(read_all(client_), "<end>");
  EXPECT_TRUE(relay_->is_over());
}

TEST_F(RelayTest, ASlowReaderSlowsItsWriter) {
  const std::string piece(1 << 16, 'x');
  std::size_t written = 0;
  for (int idle = 0; idle < 3;) {
    const auto put = write_some(client_, piece);
    written += put;
    idle = put == 0 ? idle + 1 : 0;
    move();
  }
  EXPECT_EQ(relay_->wanted_of_server(), Watch::For::both);
  EXPECT_EQ(relay_->wanted_of_client(), Watch::For::nothing) << "no more is read than can be written";
  std::size_t arrived = 0;
  while (arrived < written) {
    const auto now = read_all(server_).size();
    arrived += now;
    move();
    ASSERT_TRUE(now > 0 || arrived == written);
  }
  EXPECT_EQ(arrived, written);
  EXPECT_EQ(relay_->wanted_of_client(), Watch::For::reading);
}

TEST_F(RelayTest, WhoTakesNoMoreMayStillSpeak) {
  write_some(server_, "413, and good bye");
  server_.reset();
  write_some(client_, "a long upload");
  move();
  EXPECT_EQ(read_all(client_), "413, and good bye<end>");
  EXPECT_TRUE(relay_->is_over());
}

TEST_F(RelayTest, WhatIsCutShortEndsBothSides) {
  relay_.reset();
  EXPECT_EQ(read_all(client_), "<end>") << "a socket pair knows no reset";
  EXPECT_EQ(read_all(server_), "<end>");
}

RC_GTEST_PROP(Relay, LosesAndAddsNothingWhateverTheOrder, ()) {
  auto a = make_pair();
  auto b = make_pair();
  Relay relay(std::move(a.inner), std::move(b.inner));
  std::array<char, 97> scratch;
  std::string sent, got;
  for (const auto step : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 30'000))) {
    if (step % 3 == 0) {
      const std::string text(static_cast<std::size_t>(step), static_cast<char>('a' + step % 26));
      sent += text.substr(0, write_some(a.outer, text));
    }
    if (step % 3 == 1) relay.move(scratch);
    if (step % 3 == 2) got += read_all(b.outer);
  }
  ::shutdown(a.outer.get(), SHUT_WR);
  while (!got.ends_with("<end>")) {
    relay.move(scratch);
    got += read_all(b.outer);
  }
  RC_ASSERT(got == sent + "<end>");
}

}  // namespace
}  // namespace hlid::node::forward
