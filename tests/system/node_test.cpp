// The embedded node by its API, with the tiny guest: life of a machine, machines that outlive the daemon, one
// daemon a home, a full disk, and callers that behave badly. The cases share one node and run in their order.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iostream>

#include "node_api.h"
#include "support/lab.h"
#include "sys/clock.h"
#include "sys/files.h"

namespace hlid::test {
namespace {

constexpr auto kReady = std::chrono::seconds(60);
const std::string kQemu = "/nodes/asgard/qemu";

/// A daemon on the lab's home, once it serves.
struct Daemon {
  explicit Daemon(Lab& lab)
      : process(lab.start("hlid-node",
                          {"daemon", "--home", lab.home().string(), "--node", "asgard", "--port", "0"})) {
    sys::SystemClock clock;
    const auto until = clock.now() + kReady;
    while (clock.now() < until && process.alive() && !serves(lab)) clock.sleep(std::chrono::milliseconds(50));
    EXPECT_TRUE(process.alive()) << process.output();
  }
  static bool serves(const Lab& lab) {
    if (!lab.daemon()) return false;
    try {
      return NodeApi(lab).send("GET", "/version").status == 200;
    } catch (const std::exception&) {
      return false;
    }
  }
  Running process;
};

class Node : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    lab_ = std::make_unique<Lab>("node");
    disk_ = tiny_disk().string();
    daemon_ = std::make_unique<Daemon>(*lab_);
  }
  static void TearDownTestSuite() {
    daemon_.reset();
    lab_.reset();
  }
  void SetUp() override { ASSERT_TRUE(lab_->daemon()) << "no daemon serves"; }

  static void restart() { daemon_ = std::make_unique<Daemon>(*lab_); }
  static std::string vm(int vmid, const std::string& rest = "") {
    return kQemu + "/" + std::to_string(vmid) + rest;
  }
  static std::string status(NodeApi& api, int vmid, const std::string& key = "status") {
    const auto current = api.get(vm(vmid, "/status/current"));
    return current.is_object() ? get_string(current.as_object(), key).value_or("") : "";
  }
  static std::string guest_says(NodeApi& api, int vmid, const std::string& file) {
    const auto data = api.call("GET", vm(vmid, "/agent/file-read"), {{"file", file}});
    return data.is_object() ? get_string(data.as_object(), "content").value_or("") : "";
  }

  static inline std::unique_ptr<Lab> lab_;
  static inline std::unique_ptr<Daemon> daemon_;
  static inline std::string disk_;
};

TEST_F(Node, A_MachineIsMadeFromAnImageAndCloned) {
  NodeApi api(*lab_);
  EXPECT_EQ(api.upload("local", "import", disk_, "tiny.raw"), "OK");
  make_tiny_machine(api, 900, "tiny-template");
  EXPECT_EQ(api.run("POST", vm(900, "/template"), {}), "OK");
  EXPECT_EQ(api.run("POST", vm(900, "/clone"),
                    {{"newid", "101"}, {"name", "full"}, {"full", "1"}, {"storage", "local"}}),
            "OK");
  EXPECT_EQ(api.run("POST", vm(900, "/clone"), {{"newid", "102"}, {"name", "linked"}}), "OK");
  EXPECT_NE(api.send("POST", vm(900, "/clone"), {{"newid", "102"}, {"name", "twice"}}).status, 200);
  for (const int vmid : {101, 102})
    api.call("PUT", vm(vmid, "/config"),
             {{"onboot", "1"},
              {"ide2", "local:cloudinit"},
              {"ipconfig0", "ip=10.10.10." + std::to_string(vmid) + "/24,gw=10.10.10.1"}});
  const auto config = api.get(vm(102, "/config")).as_object();
  EXPECT_EQ(get_string(config, "name"), "linked");
}

TEST_F(Node, B_MachinesStartAndTheirAgentsAnswer) {
  NodeApi api(*lab_);
  for (const int vmid : {101, 102}) EXPECT_EQ(api.run("POST", vm(vmid, "/status/start")), "OK");
  for (const int vmid : {101, 102}) {
    ASSERT_TRUE(agent_answers(api, vmid)) << vmid;
    EXPECT_EQ(status(api, vmid), "running");
  }
  EXPECT_EQ(guest_says(api, 101, "/etc/hostname"), "full\n");
  EXPECT_EQ(guest_says(api, 102, "/etc/hostname"), "linked\n");
  EXPECT_NE(guest_says(api, 101, "/etc/machine-id"), guest_says(api, 102, "/etc/machine-id"));
  EXPECT_EQ(lab_->processes_named("qemu-system-x86_64").size(), 2U);
}

TEST_F(Node, C_MachinesOutliveADaemonThatIsKilled) {
  NodeApi before(*lab_);
  const auto pid = status(before, 101, "pid");
  daemon_->process.signal(SIGKILL);
  ASSERT_EQ(daemon_->process.wait(kReady), 128 + SIGKILL);
  EXPECT_EQ(lab_->processes_named("qemu-system-x86_64").size(), 2U);
  restart();
  NodeApi api(*lab_);
  EXPECT_EQ(status(api, 101), "running");
  EXPECT_EQ(status(api, 101, "pid"), pid) << "not the same process as before";
  EXPECT_TRUE(agent_answers(api, 101, 10));
  EXPECT_EQ(lab_->processes_named("qemu-system-x86_64").size(), 2U)
      << "start at boot started what already ran";
}

TEST_F(Node, D_ASecondDaemonOnTheSameHomeIsRefused) {
  auto second = lab_->start("hlid-node",
                            {"daemon", "--home", lab_->home().string(), "--node", "asgard", "--port", "0"});
  EXPECT_EQ(second.wait(kReady), 4) << second.output();
  EXPECT_NE(second.output(), "");
  NodeApi api(*lab_);
  EXPECT_EQ(api.send("GET", "/version").status, 200);
}

TEST_F(Node, E_ShutdownIsGracefulAndStopIsNot) {
  NodeApi api(*lab_);
  EXPECT_EQ(api.run("POST", vm(101, "/status/shutdown"), {{"timeout", "60"}}), "OK");
  EXPECT_TRUE(becomes(api, 101, "stopped"));
  EXPECT_EQ(api.run("POST", vm(102, "/status/stop")), "OK");
  EXPECT_TRUE(becomes(api, 102, "stopped"));
  EXPECT_EQ(lab_->processes_named("qemu-system-x86_64").size(), 0U);
}

TEST_F(Node, F_WithoutRunningMachinesTheNextNodeStartsThoseOfOnboot) {
  daemon_->process.signal(SIGKILL);
  ASSERT_TRUE(daemon_->process.wait(kReady));
  // A power cut ends the realm's processes as well.
  lab_->kill_all();
  restart();
  NodeApi api(*lab_);
  EXPECT_TRUE(becomes(api, 101, "running"));
  EXPECT_TRUE(becomes(api, 102, "running"));
  EXPECT_TRUE(agent_answers(api, 101));
  EXPECT_EQ(guest_says(api, 101, "/disk/boots"), "2\n");
}

TEST_F(Node, G_AMachineWhoseQemuDiesReadsAsStopped) {
  NodeApi api(*lab_);
  const auto machines = lab_->processes_named("qemu-system-x86_64");
  ASSERT_EQ(machines.size(), 2U);
  for (const pid_t pid : machines) ::kill(pid, SIGKILL);
  EXPECT_TRUE(becomes(api, 101, "stopped"));
  EXPECT_TRUE(becomes(api, 102, "stopped"));
  EXPECT_EQ(api.run("POST", vm(101, "/status/start")), "OK");
  EXPECT_TRUE(agent_answers(api, 101));
  EXPECT_EQ(api.run("POST", vm(101, "/status/stop")), "OK");
}

/// A file system so small that a clone does not fit.
class SmallDisk {
 public:
  explicit SmallDisk(std::filesystem::path folder) : folder_(std::move(folder)) {
    sys::make_folder(folder_);
    mounted_ = ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=8m") == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }

 private:
  std::filesystem::path folder_;
  bool mounted_ = false;
};

TEST_F(Node, H_AFullDiskFailsTheTaskAndLeavesNothingBehind) {
  const auto folder = lab_->home().parent_path() / "small";
  const SmallDisk small(folder);
  if (!small.mounted()) GTEST_SKIP() << "only root can mount a small file system";
  NodeApi api(*lab_);
  api.call("POST", "/storage",
           {{"storage", "small"}, {"type", "dir"}, {"path", folder.string()}, {"content", "images"}});
  const auto end = api.run("POST", vm(900, "/clone"),
                           {{"newid", "103"}, {"name", "big"}, {"full", "1"}, {"storage", "small"}});
  EXPECT_NE(end, "OK");
  std::cout << "node: a full disk is told as: " << end << std::endl;
  EXPECT_NE(api.send("GET", vm(103, "/config")).status, 200) << "a half-made machine is left";
  std::size_t disks = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    disks += entry.is_regular_file() ? 1 : 0;
  EXPECT_EQ(disks, 0U);
  api.call("DELETE", "/storage/small");
}

TEST_F(Node, I_BadCallersGetProxmoxAnswersAndTheNodeServesOn) {
  NodeApi api(*lab_);
  const struct {
    const char *method, *path;
    net::Form form;
    int status;
  } calls[] = {
      {"GET", "/nodes/asgard/nothing", {}, 501},
      {"PATCH", "/version", {}, 501},
      {"GET", "/nodes/asgard/qemu/abc/config", {}, 400},
      {"GET", "/nodes/asgard/qemu/99/config", {}, 400},
      {"POST", "/nodes/asgard/qemu", {{"vmid", "x"}}, 400},
      {"POST", "/nodes/asgard/qemu", {{"vmid", "555"}, {"cores", "-1"}}, 400},
      {"POST", "/nodes/asgard/qemu", {{"vmid", "555"}, {"nonsense", "1"}}, 400},
      {"POST", "/nodes/asgard/qemu", {{"name", "no-number"}}, 400},
      {"PUT", "/nodes/asgard/qemu/101/resize", {{"disk", "virtio0"}, {"size", "much"}}, 400},
      {"GET", "/nodes/asgard/qemu/777/config", {}, 500},
      {"DELETE", "/nodes/asgard/qemu/777", {}, 500},
  };
  for (const auto& call : calls) {
    const auto response = api.send(call.method, call.path, call.form);
    EXPECT_EQ(response.status, call.status) << call.method << " " << call.path << ": " << response.reason;
  }
  EXPECT_NE(api.run("POST", vm(777, "/status/start")), "OK") << "Proxmox says it in the task";
  const net::Form huge{{"description", std::string(16U << 20, 'x')}};
  EXPECT_GE(api.send("PUT", vm(101, "/config"), huge).status, 400);
  EXPECT_EQ(api.send("GET", "/version").status, 200);
}

TEST_F(Node, J_WithoutATokenThereIsNoAnswer) {
  NodeApi api(*lab_);
  net::CurlHttpClient client({.ca_file = api.ca_file()});
  const std::string base = api.endpoint() + "/api2/json";
  EXPECT_EQ(client.send({.url = base + "/nodes"}).status, 401);
  EXPECT_EQ(
      client.send({.url = base + "/nodes", .headers = {{"Authorization", "PVEAPIToken=root@pam!hlid=wrong"}}})
          .status,
      401);
}

TEST_F(Node, K_AnUploadThatBreaksOffLeavesNothing) {
  NodeApi api(*lab_);
  const auto before = lab_->node_folder() / "import";
  const auto count = [&] {
    std::size_t files = 0;
    std::error_code none;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(lab_->node_folder(), none))
      files += entry.path().filename().string().find("broken") != std::string::npos ? 1 : 0;
    return files;
  };
  net::CurlHttpClient client({.ca_file = api.ca_file()});
  net::HttpRequest request{
      .method = "POST",
      .url = api.endpoint() + "/api2/json/nodes/asgard/storage/local/upload",
      .headers = {{"Authorization", api.authorization()},
                  {"Content-Type", "multipart/form-data; boundary=B"}},
      .body =
          "--B\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\niso\r\n--B\r\nContent-Disposition: "
          "form-data; name=\"filename\"; filename=\"broken.iso\"\r\n\r\nhalf of"};
  EXPECT_GE(client.send(request).status, 400);
  EXPECT_EQ(count(), 0U);
  EXPECT_EQ(api.send("GET", "/version").status, 200);
}

TEST_F(Node, L_RemovedMachinesLeaveNothing) {
  NodeApi api(*lab_);
  for (const int vmid : {101, 102, 900})
    EXPECT_EQ(api.run("DELETE", vm(vmid), {{"purge", "1"}}), "OK") << vmid;
  EXPECT_EQ(lab_->machine_leftovers(), std::vector<std::string>{});
}

TEST_F(Node, M_ADaemonThatIsAskedToEndDoes) {
  daemon_->process.signal(SIGTERM);
  EXPECT_EQ(daemon_->process.wait(kReady), 0) << daemon_->process.output();
}

}  // namespace
}  // namespace hlid::test
