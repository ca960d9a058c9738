// A client that writes to the datastore without a pause while a release is rolled out and while a master
// dies: no write that was acknowledged is lost. How long it had to wait is told, not judged.
#include <gtest/gtest.h>

#include <iostream>

#include "box_lab.h"
#include "etcd_writer.h"

namespace hlid::test {
namespace {

using namespace std::chrono_literals;
using cli::Exit;

class Loaded {
 public:
  Loaded() {
    for (const auto& name : lab.names()) lab.box(name).fault("promote_delay=2\nimport_delay=0\n");
    EXPECT_EQ(lab.up(), (Told{Exit::done, ""}));
    const auto tls = lab.disk("m1") / "var/lib/rancher/rke2/server/tls/etcd";
    for (const char* file : {"server-ca.crt", "server-client.crt", "server-client.key"})
      std::filesystem::copy_file(tls / file, lab.folder() / file);
    const auto at = [this](const char* file) { return (lab.folder() / file).string(); };
    lab.in_network([&] {
      writer = std::make_unique<EtcdWriter>(
          std::vector<std::string>{"https://10.99.0.11:2379", "https://10.99.0.12:2379",
                                   "https://10.99.0.13:2379"},
          WebIdentity{at("server-ca.crt"), at("server-client.crt"), at("server-client.key")});
    });
    EXPECT_TRUE(goes_on(10));
  }

  /// So many more writes are acknowledged.
  bool goes_on(std::size_t more) {
    const auto before = writer->acknowledged();
    return eventually(60s, [&] { return writer->acknowledged() >= before + more; });
  }
  void tell_pause(const std::string& of) {
    std::cout << "longest pause of a writer, " << of << ": " << writer->longest_pause().count() << " ms, "
              << writer->acknowledged() << " writes so far" << std::endl;
  }
  std::vector<int> lost() {
    std::vector<int> lost;
    lab.in_network([&] { lost = writer->lost(); });
    return lost;
  }
  std::string leader() {
    for (const auto& member : lab.look().members)
      if (member.leader) return member.node;
    return "nobody";
  }

  BoxLab lab{3, 1};
  std::unique_ptr<EtcdWriter> writer;
};

std::unique_ptr<Loaded>& loaded() {
  static std::unique_ptr<Loaded> one;
  return one;
}

class ClusterUnderLoad : public testing::Test {
 protected:
  void SetUp() override {
    if (!loaded()) loaded() = std::make_unique<Loaded>();
    loaded()->writer->forget_pauses();
  }
  static BoxLab& lab() { return loaded()->lab; }
  static void expect_whole() {
    EXPECT_TRUE(eventually(60s, [] { return lab().ill().empty(); })) << lab().ill();
    EXPECT_TRUE(loaded()->goes_on(10));
    EXPECT_EQ(loaded()->lost(), std::vector<int>());
  }
};

TEST_F(ClusterUnderLoad, LosesNoWriteWhileAReleaseIsRolledOut) {
  lab().want("v1.34.2+rke2r1");
  EXPECT_EQ(lab().up(), (Told{Exit::done, ""}));
  loaded()->tell_pause("a patch rolled out over three servers and an agent");
  for (const auto& node : lab().look().nodes) EXPECT_EQ(node.version, "v1.34.2+rke2r1") << node.name;
  expect_whole();
}

TEST_F(ClusterUnderLoad, LosesNoWriteWhenTheLeaderLosesItsPower) {
  const auto leader = loaded()->leader();
  ASSERT_NE(leader, "nobody");
  lab().box(leader).cut_power();
  EXPECT_TRUE(loaded()->goes_on(20)) << "two of three are a majority";
  loaded()->tell_pause("etcd's leader lost its power");
  EXPECT_EQ(lab().up(), (Told{Exit::done, ""}));
  expect_whole();
}

TEST_F(ClusterUnderLoad, LosesNoWriteWhenAMasterIsMadeAnew) {
  const auto leader = loaded()->leader();
  ASSERT_NE(leader, "nobody");
  lab().rebuild(leader);
  EXPECT_TRUE(loaded()->goes_on(20));
  EXPECT_EQ(lab().up(), (Told{Exit::done, ""}));
  loaded()->tell_pause("etcd's leader was made anew, with nothing on its disk");
  expect_whole();
}

}  // namespace
}  // namespace hlid::test

int main(int count, char** words) {
  const int status = hlid::test::run_in_boxes(count, words, "*");
  hlid::test::loaded().reset();
  return status;
}
