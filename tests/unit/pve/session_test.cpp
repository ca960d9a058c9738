#include "pve/session.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "pve/agent.h"
#include "pve/retry.h"
#include "pve/tasks.h"
#include "pve/vms.h"
#include "support/fake_clock.h"
#include "support/fake_http.h"
#include "wire/api_error.h"

namespace hlid::pve {
namespace {

constexpr const char* kUpid = "UPID:asgard:00000594:000A7637:6B0377D2:qmstart:101:root@pam:";

class SessionTest : public ::testing::Test {
 protected:
  net::HttpResponse lock_timeout() const {
    return {
        500, "can't lock file '/var/lock/qemu-server/lock-101.conf' - got timeout", {}, R"({"data":null})"};
  }
  void answer_status(const std::string& exit) {
    http.answer_data(exit.empty() ? R"({"status":"running"})"
                                  : R"({"status":"stopped","exitstatus":")" + exit + R"("})");
  }

  test::FakeHttp http;
  test::FakeClock clock;
  Session session{http, {"https://asgard:8006", {Secret("root@pam!t=uuid")}}, clock};
};

TEST_F(SessionTest, SendsTheTokenAndNoCsrf) {
  http.answer_data("null");
  session.post("/x", {{"a", "1"}});
  const auto request = http.requests().at(0);
  EXPECT_EQ(request.url, "https://asgard:8006/api2/json/x");
  EXPECT_EQ(net::find_header(request.headers, "Authorization"), "PVEAPIToken=root@pam!t=uuid");
  EXPECT_FALSE(net::find_header(request.headers, "CSRFPreventionToken"));
}

TEST_F(SessionTest, TicketsGoAsCookieWithCsrfOnChangesOnly) {
  Session user(http, {"https://asgard:8006", {Secret(), Secret("PVE:a@pam:1::x+y"), Secret("csrf")}}, clock);
  http.answer_data("null");
  http.answer_data("null");
  user.get("/x");
  user.del("/x");
  EXPECT_EQ(net::find_header(http.requests()[0].headers, "Cookie"),
            "PVEAuthCookie=PVE%3Aa%40pam%3A1%3A%3Ax%2By");
  EXPECT_FALSE(net::find_header(http.requests()[0].headers, "CSRFPreventionToken"));
  EXPECT_EQ(net::find_header(http.requests()[1].headers, "CSRFPreventionToken"), "csrf");
}

TEST_F(SessionTest, DeleteParametersGoInTheQuery) {
  http.answer_data("null");
  session.del("/nodes/asgard/qemu/100", {{"purge", "1"}});
  EXPECT_TRUE(http.requests()[0].url.ends_with("/nodes/asgard/qemu/100?purge=1"));
  EXPECT_TRUE(http.requests()[0].body.empty());
}

TEST_F(SessionTest, GetIsRepeatedOnceWhenTheConnectionBroke) {
  http.fail(Errc::io, "connection reset");
  http.answer_data("1");
  EXPECT_EQ(session.get("/x").as_int64(), 1);
  http.fail(Errc::io, "connection reset");
  http.fail(Errc::io, "connection reset");
  EXPECT_THROW(session.get("/x"), Error);
}

TEST_F(SessionTest, GetIsRepeatedForTheProxysOwnCodes) {
  http.answer({596, "Connection timed out", {}, ""});
  http.answer_data("1");
  EXPECT_EQ(session.get("/x").as_int64(), 1);
}

TEST_F(SessionTest, PostIsNeverBlindlyRepeated) {
  http.fail(Errc::io, "connection reset");
  EXPECT_THROW(session.post("/x"), Error);
  http.answer({596, "Connection timed out", {}, ""});
  try {
    session.post("/x");
    FAIL() << "no error";
  } catch (const wire::ApiError& error) {
    EXPECT_EQ(error.status(), 596);
    EXPECT_EQ(error.reason(), "Connection timed out");
    EXPECT_FALSE(error.hint().empty());
  }
  EXPECT_EQ(http.requests().size(), 2U);
}

TEST_F(SessionTest, ALockThatWasNotObtainedIsWaitedFor) {
  http.answer(lock_timeout());
  http.answer(lock_timeout());
  http.answer_data("null");
  EXPECT_NO_THROW(session.put("/nodes/asgard/qemu/101/config", {{"cores", "2"}}));
  EXPECT_EQ(http.requests().size(), 3U);
}

TEST_F(SessionTest, WaitingForALockHasABound) {
  http.otherwise([&](const net::HttpRequest&) { return lock_timeout(); });
  const auto begun = clock.now();
  EXPECT_THROW(session.put("/x"), wire::ApiError);
  EXPECT_GE(clock.now() - begun, session.patience().lock_file);
  EXPECT_LE(clock.now() - begun, session.patience().lock_file + std::chrono::seconds(5));
}

TEST_F(SessionTest, AStopRequestEndsTheWaiting) {
  const auto stop = std::make_unique<std::stop_source>();
  stop->request_stop();
  http.answer(lock_timeout());
  try {
    session.with(stop->get_token()).put("/x");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::interrupted);
  }
}

TEST(LockWaits, AreToldFromOtherTimeouts) {
  EXPECT_EQ(lock_wait_of("can't lock file '/var/lock/qemu-server/lock-1.conf' - got timeout"),
            LockWait::file);
  EXPECT_EQ(lock_wait_of("cfs-lock 'storage-local-zfs' error: got lock request timeout"), LockWait::file);
  EXPECT_EQ(lock_wait_of("VM is locked (clone)"), LockWait::word);
  EXPECT_EQ(lock_wait_of("VM 101 qmp command 'guest-ping' failed - got timeout"), LockWait::none);
  EXPECT_EQ(lock_wait_of("VM 101 already running"), LockWait::none);
}

TEST_F(SessionTest, AnAnswerThatIsNotTheApisIsToldSo) {
  http.answer({200, "OK", {}, "<html>hello</html>"});
  try {
    session.get("/version");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::protocol);
  }
}

TEST_F(SessionTest, TheReasonIsReadWhenThereIsNoBody) {
  http.answer({401, "No ticket", {}, ""});
  try {
    session.get("/version");
    FAIL() << "no error";
  } catch (const wire::ApiError& error) {
    EXPECT_EQ(error.code(), Errc::denied);
    EXPECT_EQ(error.message(), "No ticket");
  }
}

TEST_F(SessionTest, TheBodyCompletesTheReason) {
  http.answer({500, "first", {}, R"({"data":null,"message":"first\nsecond\n"})"});
  try {
    session.post("/x");
    FAIL() << "no error";
  } catch (const wire::ApiError& error) {
    EXPECT_EQ(error.message(), "first\nsecond");
  }
}

TEST_F(SessionTest, TaskIsFollowedToItsEndWithItsLog) {
  answer_status("");
  http.answer_data(R"([{"n":1,"t":"one"}])");
  answer_status("OK");
  http.answer_data(R"([{"n":2,"t":"two"},{"n":3,"t":"TASK OK"}])");
  std::vector<std::string> log;
  wait_task(session, kUpid, [&](const std::string& line) { log.push_back(line); });
  EXPECT_EQ(log, (std::vector<std::string>{"one", "two", "TASK OK"}));
  EXPECT_EQ(http.unused_answers(), 0U);
}

TEST_F(SessionTest, TaskPollingStartsQuickAndSlowsDown) {
  for (int i = 0; i < 30; ++i) answer_status("");
  answer_status("OK");
  wait_task(session, kUpid);
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(clock.now().time_since_epoch());
  EXPECT_GT(waited.count(), 18'000);
  EXPECT_LT(waited.count(), 24'000);
}

TEST_F(SessionTest, WarningsAreSuccessAndErrorsCarryTheLog) {
  answer_status("WARNINGS: 1");
  EXPECT_NO_THROW(wait_task(session, kUpid));
  answer_status("no space left");
  http.answer_data(R"([{"n":1,"t":"copying"},{"n":2,"t":"TASK ERROR: no space left"}])");
  try {
    wait_task(session, kUpid);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "task qmstart 101 failed: no space left\n  | copying");
  }
}

TEST_F(SessionTest, ATaskThatDidNotGetItsLockIsStartedAgain) {
  http.answer_data("\"" + std::string(kUpid) + "\"");
  answer_status("can't lock file '/var/lock/qemu-server/lock-101.conf' - got timeout");
  http.answer_data("[]");
  http.answer_data("\"" + std::string(kUpid) + "\"");
  answer_status("OK");
  start_vm(session, {"asgard", {101}});
  EXPECT_EQ(http.unused_answers(), 0U);
}

TEST_F(SessionTest, SshKeysAreEncodedTwice) {
  http.answer_data("null");
  set_config(session, {"asgard", {101}},
             {{"sshkeys", encode_ssh_keys({"ssh-ed25519 AA+/= me@host"})}, {"tags", "a;b"}});
  EXPECT_EQ(http.requests()[0].body,
            "sshkeys=ssh-ed25519%2520AA%252B%252F%253D%2520me%2540host%250A&tags=a%3Bb");
  EXPECT_EQ(decode_ssh_keys("ssh-ed25519%20AA%2B%2F%3D%20me%40host%0A"),
            std::vector<std::string>{"ssh-ed25519 AA+/= me@host"});
}

TEST_F(SessionTest, PingTellsASilentAgentFromOtherFailures) {
  http.answer_data(R"({"result":{}})");
  EXPECT_TRUE(agent_ping(session, {"asgard", {101}}));
  http.answer({500, "QEMU guest agent is not running", {}, ""});
  EXPECT_FALSE(agent_ping(session, {"asgard", {101}}));
  http.answer({500, "No QEMU guest agent configured", {}, ""});
  EXPECT_THROW(agent_ping(session, {"asgard", {101}}), wire::ApiError);
}

TEST_F(SessionTest, AProgramInTheGuestIsWaitedForAndItsBytesComeBack) {
  http.answer_data(R"({"pid":7})");
  http.answer_data(R"({"exited":0})");
  http.answer_data(R"({"exited":1,"exitcode":3,"out-data":"Ã¼"})");
  const auto result = guest_exec(session, {"asgard", {101}}, {{"/bin/echo", "a b"}});
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.output, "ü");
  EXPECT_EQ(http.requests()[0].body, "command=%2Fbin%2Fecho&command=a%20b");
}

TEST_F(SessionTest, AProgramThatHangsIsATimeout) {
  http.answer_data(R"({"pid":7})");
  http.otherwise([](const net::HttpRequest&) {
    return net::HttpResponse{200, "OK", {}, R"({"data":{"exited":0}})"};
  });
  try {
    guest_exec(session, {"asgard", {101}}, {{"/bin/sleep", "99"}, {}, std::chrono::seconds(30)});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::timeout);
  }
}

TEST_F(SessionTest, AMissingMachineIsNoError) {
  http.answer({500, "Configuration file 'nodes/asgard/qemu-server/100.conf' does not exist", {}, ""});
  EXPECT_FALSE(find_config(session, {"asgard", {100}}));
  http.answer({500, "VM is locked (backup)", {}, ""});
  EXPECT_THROW(find_config(session, {"asgard", {100}}), wire::ApiError);
}

}  // namespace
}  // namespace hlid::pve
