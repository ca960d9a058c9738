// Instant machines: they begin in the memory of their template, each as itself; they are like machines that
// booted, and outlive the loss of everything that runs. The cases share one lab and run in their order.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "base/text.h"
#include "machine_likeness.h"
#include "node_api.h"
#include "support/lab.h"
#include "sys/clock.h"
#include "sys/files.h"

namespace hlid::test {
namespace {

const std::string kQemu = "/nodes/asgard/qemu/";

const char* const kFile = R"(apiVersion: hlid/v1
name: inst
template: {name: inst-template, vmid: 90001, os: %OS%, timezone: Europe/Paris}
access: {user: odin, ssh_port: 2222}
machines:
  - {group: warm, count: 2, vmid: 1001, address: 10.10.10.101, cores: 2, memory: 2GiB, disk: 8GiB}
  - {group: cold, vmid: 1011, address: 10.10.10.111, cores: 2, memory: 2GiB, disk: 8GiB, instant: false}
)";

class Instant : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    lab_ = std::make_unique<Lab>("inst");
    for (const char* os : {"ubuntu-24.04", "debian-12"}) {
      file_ = lab_->write("inst.yaml", replace_all(kFile, "%OS%", os)).string();
      if (lab_->hlid({"template", "build", "-f", file_}, std::chrono::minutes(12)).ok()) break;
      std::cout << "instant: no template of " << os << std::endl;
    }
    const auto result = lab_->hlid({"up", "-f", file_, "--yes"}, std::chrono::minutes(20));
    up_ = result.ok();
    if (!up_) std::cout << lab_->transcript() << std::endl;
  }
  static void TearDownTestSuite() { lab_.reset(); }
  void SetUp() override { ASSERT_TRUE(up_) << "hlid up failed"; }

  static std::string vm(int vmid, const std::string& rest) { return kQemu + std::to_string(vmid) + rest; }

  /// All lines of the log of a machine's last start.
  static std::string start_log(NodeApi& api, int vmid) {
    const auto tasks = api.call("GET", "/nodes/asgard/tasks",
                                {{"vmid", std::to_string(vmid)}, {"typefilter", "qmstart"}, {"limit", "1"}});
    if (!tasks.is_array() || tasks.as_array().empty()) return {};
    const auto upid = get_string(tasks.as_array().front().as_object(), "upid").value_or("");
    std::string text;
    const auto lines =
        api.call("GET", "/nodes/asgard/tasks/" + percent_encode(upid) + "/log", {{"limit", "1000"}});
    for (const auto& line : lines.as_array()) text += get_string(line.as_object(), "t").value_or("") + "\n";
    return text;
  }

  /// A file of a machine as its agent gives it; "" when it does not answer.
  static std::string guest_file(NodeApi& api, int vmid, const std::string& path) {
    const auto answer = api.send("GET", vm(vmid, "/agent/file-read"), {{"file", path}});
    if (answer.status != 200) return {};
    const auto body = parse_json(answer.body, "file-read").as_object();
    const auto content = get_string(body.at("data").as_object(), "content").value_or("");
    return std::string(trim(content));
  }

  static inline std::unique_ptr<Lab> lab_;
  static inline std::string file_;
  static inline bool up_ = false;
};

TEST_F(Instant, A_TheyBeginInTheMemoryOfTheirTemplate) {
  NodeApi api(*lab_);
  for (const int vmid : {1001, 1002})
    EXPECT_NE(start_log(api, vmid).find("resumed from the warm copy"), std::string::npos)
        << start_log(api, vmid);
  EXPECT_EQ(start_log(api, 1011).find("warm copy"), std::string::npos) << start_log(api, 1011);
}

/// What may differ between a machine that was resumed and one that booted, and why.
const std::vector<std::string> kAllowed{
    // the kernel began with the template's boot: its log, and what is named after the boot
    "file /var/log/*",
    "file /var/lib/systemd/random-seed",
    "file /var/lib/systemd/timers/*",
    "file /var/lib/systemd/timesync/*",
    "file /var/lib/systemd/catalog/*",
    // written at the end of each first boot, with times and counters in it
    "file /var/lib/cloud/data/status.json",
    "file /var/lib/cloud/data/result.json",
    "file /var/lib/cloud/instances/*/obj.pkl",
    "file /var/lib/cloud/instances/*/sem/*",
    "file /var/lib/cloud/sem/*",
    "file /var/lib/cloud/instances/*/boot-finished",
    "file /var/lib/private/*",
    // private halves of keys are each machine's own and stand nowhere as one text
    "file /etc/ssh/ssh_host_*_key",
    "file /etc/shadow",
    "file /etc/shadow-",
    "file /home/*/.cache/*",
    // the session that looks, and what it starts
    "unit session-*",
    "unit-file session-*",
    "unit user-*",
    "unit user@*",
    "unit run-user-*",
    "mount /run/user/*",
    // the kernel's SMBIOS tables are the template's until the next boot; the right UUID stands over them
    "unit sys-devices-virtual-dmi-id-product_uuid.mount",
    "mount /sys/devices/virtual/dmi/id/product_uuid",
    "mount /sys/class/dmi/id/product_uuid",
    "file /run/*",
    // devices by the order in which the kernel met them
    "unit *.device",
    // nothing but device nodes is there; its size is made before the memory is counted
    "mount /dev",
    // hash tables have the size that they got at the boot
    "sysctl net.ipv4.tcp_ehash_entries",
    "sysctl net.ipv4.udp_hash_entries",
    // random in each machine
    "sysctl net.ipv4.tcp_fastopen_key",
    // starts the timers once; lives in /run
    "unit hlid-wake.timer",
    "unit-file hlid-wake.timer",
};
/// What follows the memory, of which a kernel that boots with all of it keeps less for itself.
const std::vector<std::string> kNear{"mount /run", "sysctl net.ipv4.tcp_mem", "sysctl net.ipv4.udp_mem",
                                     "sysctl kernel.threads-max"};

void wait_until_settled(const Lab& lab, int vmid) {
  const auto record = lab.node_folder() / "etc" / "instant" / std::to_string(vmid);
  for (int i = 0; i < 120; ++i) {
    if (contains(sys::read_file_if_exists(record).value_or("settled"), "settled")) return;
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  ADD_FAILURE() << vmid << " never got all that it was to have";
}

TEST_F(Instant, B_OneThatWasResumedIsLikeOneThatBooted) {
  wait_until_settled(*lab_, 1001);
  const auto warm = look_at(*lab_, file_, "inst-warm-1");
  const auto cold = look_at(*lab_, file_, "inst-cold-1");
  ASSERT_GT(warm.size(), 500U);
  ASSERT_GT(cold.size(), 500U);
  for (const auto& difference : differences(warm, cold, kAllowed, kNear)) ADD_FAILURE() << difference;
}

// The values by which guest/warm_values.h calls the copy, and what is made of its MAC.
TEST_F(Instant, C_NothingOfTheWarmCopyIsLeftInThem) {
  EXPECT_EQ(places_of(*lab_, file_, "inst-warm-2",
                      "hlid-warm|192\\.0\\.2\\.|02:?68:?6c:?69:?64:?00|68:6cff:fe69:6400|EhsaWRXYXJtQ29we"),
            "");
}

/// Asks a machine for its name again and again from the moment that it starts: whatever answers under its
/// number has to be itself.
class NameWatch {
 public:
  NameWatch(const Lab& lab, int vmid, std::string name)
      : name_(std::move(name)), thread_([this, &lab, vmid] { watch(lab, vmid); }) {}
  ~NameWatch() { stop(); }
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::string other() const { return other_; }
  int answers() const { return answers_; }

 private:
  void watch(const Lab& lab, int vmid) {
    NodeApi api(lab);
    while (!stopping_) {
      const auto answer = api.send("GET", kQemu + std::to_string(vmid) + "/agent/get-host-name");
      if (answer.status != 200) continue;
      ++answers_;
      if (answer.body.find("\"" + name_ + "\"") == std::string::npos) other_ = answer.body;
    }
  }
  std::string name_, other_;  // read after stop()
  std::atomic<bool> stopping_{false};
  std::atomic<int> answers_{0};
  std::thread thread_;
};

struct Seen {
  std::set<std::string> machine_ids, host_keys, random, macs, uuids;
};

class Clone {
 public:
  Clone(NodeApi& api, int vmid) : api_(api), vmid_(vmid), name_("clone-" + std::to_string(vmid)) {
    EXPECT_EQ(
        api.run("POST", kQemu + "90001/clone",
                {{"newid", std::to_string(vmid)}, {"name", name_}, {"description", "hlid-instant: on"}}),
        "OK");
    api.call("PUT", kQemu + std::to_string(vmid) + "/config",
             {{"ide2", "local:cloudinit"},
              {"ciuser", "odin"},
              {"ciupgrade", "0"},
              {"cores", "2"},
              {"memory", "1024"},
              {"agent", "enabled=1"},
              {"net0", "virtio,bridge=vmbr0"},
              {"ipconfig0", fmt::format("ip=10.10.10.{}/24,gw=10.10.10.1", 200 + vmid % 50)}});
    // As large as the machines of the file: their warm copy serves.
    EXPECT_EQ(api.run("PUT", path("/resize"), {{"disk", "virtio0"}, {"size", "8G"}}), "OK");
  }
  ~Clone() {
    api_.run("POST", path("/status/stop"));
    api_.run("DELETE", path(""));
  }
  std::string path(const std::string& rest) const { return kQemu + std::to_string(vmid_) + rest; }
  const std::string& name() const { return name_; }
  int vmid() const { return vmid_; }

 private:
  NodeApi& api_;
  int vmid_;
  std::string name_;
};

void take_down(Seen& seen, NodeApi& api, int vmid, const std::function<std::string(const char*)>& file) {
  const auto add = [&](std::set<std::string>& to, const std::string& value) {
    EXPECT_GT(value.size(), 15U) << vmid;
    EXPECT_TRUE(to.insert(value).second) << vmid << " has what another one had: " << value;
  };
  add(seen.random, file("/proc/sys/kernel/random/uuid"));
  add(seen.machine_ids, file("/etc/machine-id"));
  add(seen.host_keys, file("/etc/ssh/ssh_host_ed25519_key.pub"));
  add(seen.uuids, file("/sys/class/dmi/id/product_uuid"));
  const auto config = api.get(kQemu + std::to_string(vmid) + "/config").as_object();
  add(seen.macs, get_string(config, "net0").value_or(""));
}

// HLID_CLONES says how many; two are resumed at once each time.
TEST_F(Instant, D_NoTwoClonesAreTheSameAndNoneEverAnswersAsAnother) {
  NodeApi api(*lab_);
  Seen seen;
  const auto pairs = static_cast<int>(number_from_env("CLONES", 12) / 2);
  for (int n = 0; n < pairs; ++n) {
    Clone first(api, 2000 + 2 * n), second(api, 2001 + 2 * n);
    NameWatch first_watch(*lab_, first.vmid(), first.name()),
        second_watch(*lab_, second.vmid(), second.name());
    const auto one = api.call("POST", first.path("/status/start"));
    const auto two = api.call("POST", second.path("/status/start"));
    for (const auto& task : {one, two}) EXPECT_EQ(api.wait(std::string(task.as_string())), "OK");
    for (const auto* clone : {&first, &second}) {
      ASSERT_TRUE(agent_answers(api, clone->vmid()));
      EXPECT_NE(start_log(api, clone->vmid()).find("resumed from the warm copy"), std::string::npos)
          << start_log(api, clone->vmid());
      take_down(seen, api, clone->vmid(),
                [&](const char* path) { return guest_file(api, clone->vmid(), path); });
    }
    first_watch.stop();
    second_watch.stop();
    EXPECT_EQ(first_watch.other() + second_watch.other(), "");
  }
}

TEST_F(Instant, E_TheTemplateStaysWhileMachinesNeedIt) {
  NodeApi api(*lab_);
  const Clone reader(api, 2999);  // those of before may have disks of their own by now
  const auto answer = api.run("DELETE", kQemu + "90001");
  EXPECT_NE(answer, "OK");
  EXPECT_EQ(api.send("GET", kQemu + "90001/config").status, 200);
}

// Everything that runs is killed, as by a power cut; the machines come back by a boot of their own.
TEST_F(Instant, F_AfterAPowerCutTheyBootAndAreStillThemselves) {
  std::vector<std::string> before;
  {
    NodeApi api(*lab_);
    before = {guest_file(api, 1001, "/etc/machine-id"),
              guest_file(api, 1001, "/etc/ssh/ssh_host_ed25519_key.pub")};
  }
  const auto written = lab_->hlid(
      {"ssh", "-f", file_, "inst-warm-1", "--", "sh", "-c", "'echo muninn > kept && sync kept && sync'"});
  ASSERT_TRUE(written.ok()) << written.describe();
  lab_->kill_all();
  const auto up = lab_->hlid({"up", "-f", file_, "--yes"}, std::chrono::minutes(20));
  ASSERT_TRUE(up.ok()) << up.describe();
  NodeApi api(*lab_);
  EXPECT_EQ(start_log(api, 1001).find("resumed"), std::string::npos) << start_log(api, 1001);
  EXPECT_EQ(guest_file(api, 1001, "/home/odin/kept"), "muninn");
  EXPECT_EQ(guest_file(api, 1001, "/etc/machine-id"), before[0]);
  EXPECT_EQ(guest_file(api, 1001, "/etc/ssh/ssh_host_ed25519_key.pub"), before[1]);
  EXPECT_EQ(guest_file(api, 1001, "/etc/hostname"), "inst-warm-1");
}

TEST_F(Instant, G_DestroyLeavesNothing) {
  const auto gone = lab_->hlid({"destroy", "-f", file_, "--yes", "--template"}, std::chrono::minutes(10));
  EXPECT_TRUE(gone.ok()) << gone.describe();
  EXPECT_EQ(lab_->machine_leftovers(), std::vector<std::string>{});
  const auto stopped = lab_->hlid({"node", "stop", "-f", file_}, std::chrono::minutes(2));
  EXPECT_TRUE(stopped.ok()) << stopped.describe();
  EXPECT_EQ(lab_->leftovers(), std::vector<std::string>{});
}

}  // namespace
}  // namespace hlid::test
