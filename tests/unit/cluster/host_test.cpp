// What is put on a machine and set on it: the scripts run for real, in a folder.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/text.h"
#include "cluster/hardening.h"
#include "cluster/labels.h"
#include "cluster/place.h"
#include "path_guest.h"

namespace hlid::cluster {
namespace {

namespace fs = std::filesystem;

class HostTest : public testing::Test {
 protected:
  Ran prepare(const std::string& profile, model::Role role = model::Role::server) {
    model::Cluster cluster;
    cluster.profile = profile;
    return guest.run(prepare_script(),
                     prepare_arguments(cluster, role, "/usr/local", folder.path().string()));
  }
  void give_kernel() {
    guest.put("etc/sysctl.d/60-hlid-kubernetes.conf",
              "# a comment\nnet.ipv4.conf.all.forwarding = 1\nnet.ipv6.conf.all.forwarding = 1\n");
    guest.put("proc/sys/net/ipv4/conf/all/forwarding", "0\n");
    guest.put("proc/sys/vm/overcommit_memory", "0\n");
    guest.put("proc/sys/kernel/panic", "0\n");
    guest.put("usr/local/share/rke2/rke2-cis-sysctl.conf", "vm.overcommit_memory=1\nkernel.panic=10\n");
    guest.put("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    guest.put("etc/group", "root:x:0:\n");
    for (const char* program : {"modprobe", "useradd", "groupadd"}) guest.stub(program);
  }

  sys::TempFolder folder;
  test::PathGuest guest{folder.path()};
};

TEST_F(HostTest, FilesArePlacedOnceWithTheirModes) {
  const std::string odd = "a 'b' \"c\" $d `e` \\ %s\n\n";
  const std::vector<MachineFile> files{{guest.path("x/y/one.yaml"), odd, "0600"},
                                       {guest.path("two.conf"), "two", "0644"}};
  EXPECT_EQ(place_files(guest, files), (std::vector<std::string>{files[0].path, files[1].path}));
  EXPECT_EQ(guest.text("x/y/one.yaml"), odd);
  EXPECT_EQ(fs::status(files[0].path).permissions(), fs::perms{0600});
  EXPECT_TRUE(place_files(guest, files).empty()) << "nothing to do";
  fs::permissions(files[0].path, fs::perms{0644});
  EXPECT_EQ(place_files(guest, files), std::vector<std::string>{files[0].path}) << "the mode counts";
  EXPECT_FALSE(fs::exists(files[0].path + ".hlid-new"));
}

TEST_F(HostTest, AFileThatCannotBeWrittenIsNamed) {
  guest.put("file", "");
  try {
    place_files(guest, {{guest.path("good"), "", "0644"}, {guest.path("file/under"), "x", "0644"}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::io);
    EXPECT_TRUE(contains(error.what(), "lab-m-1")) << error.what();
    EXPECT_TRUE(contains(error.what(), "file/under")) << error.what();
  }
}

TEST_F(HostTest, AFullDiskIsAPrecondition) {
  guest.stub("sync", "echo 'sync: error syncing: No space left on device' >&2; exit 1");
  try {
    place_files(guest, {{guest.path("one"), "x", "0644"}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    EXPECT_FALSE(error.hint().empty());
  }
  EXPECT_EQ(guest.text("one"), "(none)") << "whole or not at all";
}

TEST_F(HostTest, SysctlsAreSetWhereTheyDiffer) {
  give_kernel();
  ASSERT_TRUE(prepare("").ok());
  EXPECT_EQ(guest.text("proc/sys/net/ipv4/conf/all/forwarding"), "1\n");
  EXPECT_EQ(guest.text("proc/sys/vm/overcommit_memory"), "0\n") << "no profile";
  EXPECT_TRUE(contains(guest.calls(), "modprobe -q br_netfilter"));
  EXPECT_FALSE(contains(guest.calls(), "useradd"));
}

TEST_F(HostTest, TheProfileNeedsKernelAndUser) {
  give_kernel();
  const Ran ran = prepare("cis");
  ASSERT_TRUE(ran.ok()) << ran.error_output;
  EXPECT_EQ(guest.text("proc/sys/vm/overcommit_memory"), "1\n");
  EXPECT_EQ(guest.text("proc/sys/kernel/panic"), "10\n");
  EXPECT_EQ(guest.text("etc/sysctl.d/60-rke2-cis.conf"), "vm.overcommit_memory=1\nkernel.panic=10\n");
  EXPECT_TRUE(
      contains(guest.calls(), "groupadd -r etcd\nuseradd -r -c etcd user -s /sbin/nologin -M -g etcd etcd"));
}

TEST_F(HostTest, TheProfileOnAgentsNeedsNoUser) {
  give_kernel();
  ASSERT_TRUE(prepare("cis", model::Role::agent).ok());
  EXPECT_FALSE(contains(guest.calls(), "useradd"));
}

TEST_F(HostTest, AUserThatIsThereIsLeftAlone) {
  give_kernel();
  guest.put("etc/passwd", "etcd:x:999:999::/var/lib/etcd:/usr/sbin/nologin\n");
  guest.put("etc/group", "etcd:x:999:\n");
  ASSERT_TRUE(prepare("cis").ok());
  EXPECT_FALSE(contains(guest.calls(), "add"));
}

TEST_F(HostTest, AKernelThatDoesNotTakeAValueIsTold) {
  give_kernel();
  fs::remove(guest.path("proc/sys/kernel/panic"));
  const Ran ran = prepare("cis");
  EXPECT_EQ(ran.status, 9);
  EXPECT_EQ(ran.error_output, "sysctl: kernel.panic is not known to the kernel, must be 10\n");
}

TEST_F(HostTest, AReleaseWithoutTheFileIsTold) {
  give_kernel();
  fs::remove(guest.path("usr/local/share/rke2/rke2-cis-sysctl.conf"));
  const Ran ran = prepare("cis");
  EXPECT_EQ(ran.status, 9);
  EXPECT_TRUE(contains(ran.error_output, "missing: ")) << ran.error_output;
}

/// apply_marks names the distribution's own kubectl; here the guest puts another in its place.
class KubectlGuest : public test::PathGuest {
 public:
  using PathGuest::PathGuest;
  Ran run(std::string_view script, const std::vector<std::string>& arguments,
          std::chrono::milliseconds) override {
    auto mine = arguments;
    mine.at(0) = path("bin/kubectl");
    return PathGuest::run(script, mine);
  }
};

TEST(Marks, AreSetByKubectlAndRecordedLast) {
  sys::TempFolder folder;
  KubectlGuest guest(folder.path());
  guest.stub("kubectl");
  model::MarkChange change;
  change.set_labels = {{"tier", "db"}, {"empty", ""}};
  change.remove_labels = {"old"};
  change.set_taints = {"a=b:NoSchedule"};
  change.remove_taints = {"c:NoExecute"};
  change.owned = R"({"labels":["empty","tier"],"taints":["a:NoSchedule"]})";
  change.record = true;
  apply_marks(guest, "rke2", "lab-w-1", change);
  const std::string start = "kubectl --request-timeout=20s ";
  EXPECT_EQ(guest.calls(), start + "label node lab-w-1 --overwrite empty=\n" +              //
                               start + "label node lab-w-1 --overwrite tier=db\n" +         //
                               start + "label node lab-w-1 --overwrite old-\n" +            //
                               start + "taint node lab-w-1 --overwrite a=b:NoSchedule\n" +  //
                               start + "taint node lab-w-1 --overwrite c:NoExecute-\n" +    //
                               start + "annotate node lab-w-1 --overwrite hlid/owned=" + change.owned + "\n");
}

TEST(Marks, NothingToDoAsksNobody) {
  sys::TempFolder folder;
  KubectlGuest guest(folder.path());
  apply_marks(guest, "rke2", "lab-w-1", {});
  EXPECT_EQ(guest.calls(), "");
}

TEST(Marks, OfANodeThatIsNotThere) {
  sys::TempFolder folder;
  KubectlGuest guest(folder.path());
  guest.stub("kubectl", "echo 'Error from server (NotFound): nodes \"lab-w-1\" not found' >&2; exit 1");
  model::MarkChange change;
  change.record = true;
  try {
    apply_marks(guest, "rke2", "lab-w-1", change);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::not_found);
  }
}

}  // namespace
}  // namespace hlid::cluster
