// The watch and the writer of the clusters' system tests, before they are believed: on a real etcd of three
// members, of which some are killed.
#include <gtest/gtest.h>
#include <signal.h>

#include <fmt/format.h>

#include "base/text.h"
#include "cluster_lab.h"
#include "support/tcp_client.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "sys/programs.h"

namespace hlid::test {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

TEST(Members, OfDbInfo) {
  const auto members = parse_members(
      R"({"members":[{"ID":1,"name":"k8s-master-1-0a1b2c3d"},{"ID":2,"name":"k8s-master-2-0a1b2c3d",)"
      R"("isLearner":true},{"ID":3}]})");
  ASSERT_TRUE(members);
  ASSERT_EQ(members->size(), 3U);
  EXPECT_EQ(members->at(0).server, "k8s-master-1");
  EXPECT_TRUE(members->at(0).voter);
  EXPECT_FALSE(members->at(1).voter);
  EXPECT_EQ(members->at(2).server, "");
  EXPECT_FALSE(parse_members("Service Unavailable"));
  EXPECT_FALSE(parse_members("{}"));
}

Look up(const Names& voters, const Names& learners = {}) {
  Look look{true, std::vector<Member>{}};
  for (const auto& name : voters) look.members->push_back({name, true});
  for (const auto& name : learners) look.members->push_back({name, false});
  return look;
}

TEST(Judge, CountsTheVotersThatAreUp) {
  const Names all{"a", "b", "c"};
  const auto two = judge({{"a", up(all)}, {"c", {true, std::nullopt}}}, {});
  EXPECT_EQ(two.voters, all);
  EXPECT_EQ(two.up, (Names{"a", "c"}));
  EXPECT_TRUE(two.has_quorum());
  const auto one = judge({{"a", {true, std::nullopt}}}, two);
  EXPECT_EQ(one.voters, all) << "as last known";
  EXPECT_FALSE(one.has_quorum());
  EXPECT_FALSE(judge({}, {}).has_quorum());
  EXPECT_FALSE(judge({}, {}).known);
}

TEST(Judge, ALearnerIsNoVoterAndAGhostIsNotUp) {
  const auto state = judge({{"a", up({"a", "ghost"}, {"b"})}, {"b", {true, std::nullopt}}}, {});
  EXPECT_EQ(state.learners, Names{"b"});
  EXPECT_EQ(state.up, Names{"a"});
  EXPECT_FALSE(state.has_quorum()) << "one of two";
}

/// Three members on the loopback, without TLS.
class Etcd : public testing::Test {
 protected:
  void SetUp() override {
    if (!sys::find_program("etcd")) GTEST_SKIP() << "etcd is not installed";
    {
      const std::vector<TakenPort> held(6);
      for (std::size_t i = 0; i < 3; ++i) ports_.push_back({held[2 * i].number(), held[2 * i + 1].number()});
    }
    for (std::size_t i = 0; i < 3; ++i) start(i);
  }
  void TearDown() override {
    for (std::size_t i = 0; i < processes_.size(); ++i) stop(i);
  }

  static std::string name(std::size_t i) { return fmt::format("m-{}", i + 1); }
  std::string client_url(std::size_t i) const { return fmt::format("http://127.0.0.1:{}", ports_[i].first); }
  std::string peer_url(std::size_t i) const { return fmt::format("http://127.0.0.1:{}", ports_[i].second); }

  void start(std::size_t i) {
    Names all;
    for (std::size_t n = 0; n < 3; ++n) all.push_back(name(n) + "-0a1b2c3d=" + peer_url(n));
    processes_[i] = sys::spawn_detached({"etcd",
                                         "--name",
                                         name(i) + "-0a1b2c3d",
                                         "--data-dir",
                                         (folder_.path() / name(i)).string(),
                                         "--listen-client-urls",
                                         client_url(i),
                                         "--advertise-client-urls",
                                         client_url(i),
                                         "--listen-peer-urls",
                                         peer_url(i),
                                         "--initial-advertise-peer-urls",
                                         peer_url(i),
                                         "--initial-cluster",
                                         join(all, ","),
                                         "--initial-cluster-state",
                                         "new",
                                         "--heartbeat-interval",
                                         "100",
                                         "--election-timeout",
                                         "500"},
                                        (folder_.path() / (name(i) + ".log")).string());
  }
  void stop(std::size_t i) {
    sys::send_signal(processes_[i], SIGKILL);
    sys::wait_gone(processes_[i], 10s);
  }
  Look look_at(const std::string& server) const {
    const auto i = static_cast<std::size_t>(server.back() - '1');
    WebClient client({}, 1s);
    Look look;
    look.up = client.send(client_url(i) + "/health").has_value();
    if (const auto answer = client.send(client_url(i) + "/v3/cluster/member/list", "{}"))
      look.members = parse_members(answer->body);
    return look;
  }
  static bool eventually(const std::function<bool()>& condition) {
    sys::SystemClock clock;
    const auto until = clock.now() + 60s;
    while (clock.now() < until && !condition()) clock.sleep(20ms);
    return condition();
  }

  sys::TempFolder folder_;
  std::vector<std::pair<int, int>> ports_;  ///< for clients, for peers
  std::map<std::size_t, sys::ProcessId> processes_;
};

TEST_F(Etcd, OneLostVoterCostsNothingAndTwoAreNoticed) {
  QuorumWatch watch({"m-1", "m-2", "m-3"}, [this](const std::string& server) { return look_at(server); },
                    {.between = 100ms, .holds = 1500ms});
  EtcdWriter writer({client_url(0), client_url(1), client_url(2)}, {});
  ASSERT_TRUE(eventually([&] { return watch.now().up.size() == 3 && writer.acknowledged() > 3; }));
  watch.forget();

  stop(1);
  ASSERT_TRUE(eventually([&] { return watch.now().up == Names{"m-1", "m-3"}; })) << watch.report().story;
  const auto before = writer.acknowledged();
  ASSERT_TRUE(eventually([&] { return writer.acknowledged() > before + 3; }));
  EXPECT_EQ(watch.report().below, 0) << watch.report().story;
  EXPECT_GT(watch.report().looks, 0);

  writer.forget_pauses();
  stop(2);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(eventually([&] { return !watch.now().has_quorum(); })) << watch.report().story;
  const auto interrupted = std::chrono::steady_clock::now() - begin;
  const auto held = writer.acknowledged();
  start(1);
  start(2);
  ASSERT_TRUE(eventually([&] { return watch.now().up.size() == 3 && writer.acknowledged() > held + 3; }))
      << watch.report().story;
  EXPECT_GT(watch.report().below, 0);
  EXPECT_GT(watch.report().longest_below, 0ms);
  EXPECT_GE(writer.longest_pause() + 500ms,
            std::chrono::duration_cast<std::chrono::milliseconds>(interrupted));
  EXPECT_TRUE(contains(watch.report().story, "voters m-1 m-2 m-3, up m-1\n")) << watch.report().story;

  writer.stop();
  EXPECT_EQ(writer.lost(), std::vector<int>{});
  WebClient client;
  const auto third = to_text(json::object{{"key", base64_encode("/hlid-test/writer/00000003")}});
  ASSERT_TRUE(client.send(client_url(0) + "/v3/kv/deleterange", third));
  EXPECT_EQ(writer.lost(), std::vector<int>{3}) << "what is gone is missed";
}

TEST(ClusterLab, HlidTakesItsFile) {
  ClusterLab lab("watch");
  const auto plan = lab.hlid({"plan", "--json"});
  EXPECT_TRUE(plan.ok()) << lab.lab().transcript();
  EXPECT_TRUE(contains(plan.output, "k8s-master-3")) << plan.output;
  EXPECT_TRUE(contains(plan.output, "k8s-worker-2"));
  EXPECT_TRUE(contains(plan.output, "to=10.10.10.103:2379"));
  auto fewer = lab.shape();
  fewer.servers = 1, fewer.agents = 0, fewer.system = "debian-12", fewer.instant = false;
  lab.set_shape(fewer);
  EXPECT_TRUE(lab.hlid({"plan"}).ok()) << lab.lab().transcript();
  EXPECT_EQ(lab.server_names(), Names{"k8s-master-1"});
}

}  // namespace
}  // namespace hlid::test
