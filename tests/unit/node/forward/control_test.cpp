#include "node/forward/control.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

#include "base/error.h"
#include "node/forward/socket_source.h"
#include "sys/files.h"

namespace hlid::node::forward {
namespace {

using namespace std::chrono_literals;

class ControlTest : public testing::Test {
 protected:
  json::object ask_it(const json::object& question) {
    json::object answer;
    std::string failure, hint;
    auto code = Errc::failed;
    std::atomic<bool> done = false;
    std::jthread asking([&] {
      try {
        answer = ask(path_, question, 10s);
      } catch (const Error& error) {
        failure = error.what(), hint = error.hint(), code = error.code();
      }
      done = true;
    });
    while (!done) loop_.run_once(2ms);
    asking.join();
    if (failure.empty()) return answer;
    Error error(code, "{}", failure);
    throw error.with_hint(hint);
  }

  sys::TempFolder folder_;
  std::filesystem::path path_ = folder_.path() / "socket";
  sys::SystemClock clock_;
  EventLoop loop_{clock_};
  Control control_{loop_, path_, [](const json::object& question) -> json::object {
                     if (question.contains("fail")) {
                       Error error(Errc::conflict, "no, {}", to_text(question));
                       throw error.with_hint("ask otherwise");
                     }
                     return {{"was", question}};
                   }};
};

TEST_F(ControlTest, AnswersQuestions) {
  const json::object question{{"do", std::string(100'000, 'x')}};
  EXPECT_EQ(ask_it(question).at("was"), question);
  EXPECT_EQ(ask_it({{"a", 1}}).at("was").as_object().at("a"), 1);
}

TEST_F(ControlTest, TellsErrorsWithTheirHints) {
  try {
    ask_it({{"fail", 1}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), R"(no, {"fail":1})");
    EXPECT_EQ(error.hint(), "ask otherwise");
    EXPECT_EQ(error.code(), Errc::conflict);
  }
}

TEST_F(ControlTest, NobodyThereIsNotFound) {
  try {
    ask(folder_.path() / "none", {}, 1s);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::not_found);
  }
}

TEST(FetchedSockets, ComeFromTheOtherEndUntilItIsGone) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  sys::UniqueFd theirs(ends[1]);
  FetchedSockets source{sys::UniqueFd(ends[0])};
  std::jthread serving([&] { serve_sockets(theirs.get()); });
  std::vector<sys::UniqueFd> sockets;
  for (int i = 0; i < 100; ++i) sockets.push_back(source.make());
  for (const auto& socket : sockets) {
    int type = 0;
    socklen_t size = sizeof type;
    EXPECT_EQ(::getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &size), 0);
    EXPECT_EQ(type, SOCK_STREAM);
  }
  ::shutdown(theirs.get(), SHUT_RDWR);
  serving.join();
  theirs.reset();
  EXPECT_THROW(
      {
        for (int i = 0; i < 100; ++i) sockets.push_back(source.make());
      },
      Error);
}

}  // namespace
}  // namespace hlid::node::forward
