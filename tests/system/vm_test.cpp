// Machines with a real QEMU and a real guest: the tiny guest as a template, cloned, started, talked to,
// restarted under a new daemon, crashed, rebooted, shut down and removed.
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>

#include "base/text.h"
#include "image/iso.h"
#include "node/vm/machines.h"
#include "support/tiny_guest.h"
#include "support/vm_world.h"
#include "sys/unix_socket.h"

namespace hlid::node::vm {
namespace {

using test::api_error_of;

constexpr Vmid kTemplate{9000};
constexpr Vmid kOne{1001};
constexpr Vmid kTwo{1002};
const Caller kRoot;

class VmTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    world_ = new test::VmWorld;
    world_->close();
    world_->facts = qemu::measure_host(world_->processes);
    world_->open();
    const auto guest = test::tiny_guest();
    ASSERT_EQ(world_->end_of(machines().create(
                  kRoot, kTemplate,
                  {{"name", "tiny"},
                   {"memory", "160"},
                   {"cpu", "host"},
                   {"scsihw", "virtio-scsi-pci"},
                   {"agent", "enabled=1"},
                   {"serial0", "socket"},
                   {"vga", "serial0"},
                   {"net0", "virtio"},
                   {"ostype", "l26"},
                   {"virtio0", "local:0,import-from=" + guest.disk.string() + ",format=raw"}})),
              "OK");
    ASSERT_EQ(world_->end_of(machines().make_template(kRoot, kTemplate, {})), "OK");
  }
  static void TearDownTestSuite() {
    for (const Vmid vmid : machines().running()) world_->end_of(machines().stop(kRoot, vmid, {}));
    delete world_;
    world_ = nullptr;
  }

  static Machines& machines() { return *world_->machines; }
  static test::VmWorld& world() { return *world_; }

  static void clone(Vmid vmid, const std::string& name, bool full, const std::string& address) {
    ASSERT_EQ(
        world().end_of(machines().clone(
            kRoot, kTemplate, {{"newid", to_string(vmid)}, {"name", name}, {"full", full ? "1" : "0"}})),
        "OK");
    ASSERT_EQ(api_error_of([&] {
                machines().set_config(kRoot, vmid,
                                      {{"ide2", "local:cloudinit"},
                                       {"ipconfig0", "ip=" + address + "/24,gw=10.0.2.2"},
                                       {"nameserver", "10.0.2.3"},
                                       {"ciuser", "odin"}});
              }),
              "");
  }
  static void start(Vmid vmid) { ASSERT_EQ(world().end_of(machines().start(kRoot, vmid, {})), "OK"); }

  /// Polls as clients do; the agent's own time-out is the pause.
  static bool agent_answers(Vmid vmid) {
    for (int i = 0; i < 30; ++i) {
      if (api_error_of([&] { machines().agent(vmid, "ping"); }).empty()) return true;
    }
    return false;
  }
  static std::string run(Vmid vmid, const std::string& script) {
    const auto pid =
        machines().agent_exec(vmid, {"/bin/sh", "-c", script}, "").at("pid").to_number<long long>();
    while (true) {
      const auto status = machines().agent_exec_status(vmid, pid);
      if (status.at("exited") != 1) continue;
      const auto* out = status.if_contains("out-data");
      return out != nullptr ? std::string(trim(std::string(out->as_string()))) : "";
    }
  }
  /// The guest's kernel notices changes of its hardware when it does: the script runs until it says what is
  /// expected.
  static std::string run_until(Vmid vmid, const std::string& script, const std::string& expected) {
    std::string said = run(vmid, script);
    for (int i = 0; said != expected && i < 100; ++i) said = run(vmid, script);
    return said;
  }
  /// Reads the serial console until it says `words`; false when nothing comes for a minute.
  static bool console_says(Vmid vmid, const std::string& words) {
    const auto fd = sys::connect_unix(machines().console_socket(vmid, "serial0"));
    std::string said;
    while (!contains(said, words)) {
      pollfd poll_fd{fd.get(), POLLIN, 0};
      if (::poll(&poll_fd, 1, 60'000) <= 0) return false;
      std::array<char, 4096> bytes;
      const ssize_t count = ::read(fd.get(), bytes.data(), bytes.size());
      if (count <= 0) return false;
      said.append(bytes.data(), static_cast<std::size_t>(count));
    }
    return true;
  }
  static sys::ProcessId process_of(Vmid vmid) {
    const pid_t pid = machines().list_row(vmid).at("pid").to_number<pid_t>();
    return {pid, sys::start_time_of(pid).value_or(0)};
  }

 private:
  static inline test::VmWorld* world_ = nullptr;
};

TEST_F(VmTest, AClonesWholeLife) {
  clone(kOne, "one", false, "10.0.2.101");
  machines().set_config(kRoot, kOne, {{"ide3", "none,media=cdrom"}});
  start(kOne);
  ASSERT_TRUE(agent_answers(kOne));
  EXPECT_EQ(machines().current(kOne).at("qmpstatus"), "running");
  EXPECT_EQ(world().end_of(machines().start(kRoot, kOne, {})), "VM 1001 already running");
  EXPECT_EQ(api_error_of([&] { machines().remove(kRoot, kOne, {}); }),
            "500 VM 1001 is running - destroy failed");

  // Identity from the cloud-init drive.
  EXPECT_EQ(run(kOne, "hostname"), "one");
  EXPECT_TRUE(contains(run(kOne, "ip -4 addr show eth0"), "10.0.2.101/24"));
  EXPECT_TRUE(contains(run(kOne, "cat /etc/resolv.conf"), "nameserver 10.0.2.3"));
  const auto interfaces = machines().agent(kOne, "network-get-interfaces");
  EXPECT_TRUE(contains(to_text(interfaces), "10.0.2.101"));
  EXPECT_EQ(machines().agent(kOne, "get-osinfo").at("result").at("id"), "tiny");

  // Agent verbs.
  machines().agent_file_write(kOne, "/tmp/x", "hello\n", false);
  EXPECT_EQ(machines().agent_file_read(kOne, "/tmp/x").at("content"), "hello\n");
  EXPECT_EQ(api_error_of([&] { machines().agent_file_read(kOne, "/nope"); }).substr(0, 44),
            "500 Agent error: failed to open file '/nope'");
  EXPECT_EQ(api_error_of([&] { machines().agent_exec_status(kOne, 99999); }),
            "500 Agent error: Invalid parameter 'pid'");
  machines().agent_set_password(kOne, "root", "secret1", false);
  EXPECT_EQ(machines().agent(kOne, "fsfreeze-status").at("result"), "thawed");
  const auto status = machines().current(kOne);
  EXPECT_TRUE(status.at("blockstat").as_object().contains("virtio0"));
  EXPECT_EQ(status.at("running-qemu").as_string(), world().facts.qemu_version);

  // A disk grows under it.
  EXPECT_EQ(world().end_of(machines().resize(kRoot, kOne, {{"disk", "virtio0"}, {"size", "64M"}})), "OK");
  EXPECT_EQ(run(kOne, "cat /sys/block/vda/size"), "131072");

  // A disk and a card are plugged in and pulled out; the guest sees them come and go.
  EXPECT_EQ(api_error_of([] {
              machines().set_config(kRoot, kOne,
                                    {{"virtio1", "local:0.01"}, {"scsi2", "local:0.02"}, {"net1", "virtio"}});
            }),
            "");  // 250, 251
  EXPECT_EQ(machines().pending(kOne).size(), machines().config(kOne, true).size());
  const std::string devices = "ls /sys/block | grep -c '^vd\\|^sd'; ls /sys/class/net | grep -c eth";
  EXPECT_EQ(run_until(kOne, devices, "3\n2"), "3\n2");
  EXPECT_EQ(world().end_of(machines().resize(kRoot, kOne, {{"disk", "virtio1"}, {"size", "32M"}})), "OK");
  EXPECT_EQ(api_error_of([] {
              machines().set_config(kRoot, kOne, {{"delete", "virtio1,scsi2,net1"}});
            }),
            "");  // 252
  EXPECT_EQ(run_until(kOne, devices, "1\n1"), "1\n1");
  EXPECT_EQ(world().value(kOne, "virtio1"), "(none)");
  EXPECT_NE(world().value(kOne, "unused0"), "(none)");
  machines().set_config(kRoot, kOne, {{"delete", "unused0,unused1"}});
  // Again: the SCSI controller has stayed.
  EXPECT_EQ(api_error_of([] { machines().set_config(kRoot, kOne, {{"scsi2", "local:0.02"}}); }), "");
  EXPECT_EQ(run_until(kOne, devices, "2\n1"), "2\n1");
  EXPECT_EQ(api_error_of([] { machines().set_config(kRoot, kOne, {{"delete", "scsi2"}}); }), "");
  machines().set_config(kRoot, kOne, {{"delete", "unused0"}});
  // A disc is lent to it again and again, as the cluster's releases are.
  image::write_iso(world().folder.path() / "lent.iso", "lent", {{"note.txt", std::string("lent\n")}});
  world().storages->find("local")->store_file("iso", "lent.iso", world().folder.path() / "lent.iso");
  for (int times = 0; times < 3; ++times) {
    EXPECT_EQ(api_error_of([] {
                machines().set_config(kRoot, kOne, {{"scsi2", "local:iso/lent.iso,media=cdrom"}});
              }),
              "");
    EXPECT_EQ(api_error_of([] { machines().set_config(kRoot, kOne, {{"delete", "scsi2"}}); }), "");
    EXPECT_EQ(world().value(kOne, "scsi2"), "(none)");
  }

  // Discs are changed under it: bulk data, and the cloud-init drive made anew.
  image::write_iso(world().folder.path() / "disc.iso", "data", {{"note.txt", std::string("on a disc\n")}});
  world().storages->find("local")->store_file("iso", "disc.iso", world().folder.path() / "disc.iso");
  machines().set_config(kRoot, kOne, {{"ide3", "local:iso/disc.iso,media=cdrom"}});
  const std::string read_disc =
      "mkdir -p /tmp/d; mount -t iso9660 -o ro /dev/sr1 /tmp/d 2>/dev/null; cat /tmp/d/note.txt; umount "
      "/tmp/d";
  EXPECT_EQ(run_until(kOne, read_disc, "on a disc"), "on a disc");
  machines().set_config(kRoot, kOne, {{"ide3", "none,media=cdrom"}});
  EXPECT_EQ(run(kOne, "mount -t iso9660 -o ro /dev/sr1 /tmp/d 2>/dev/null && echo there || echo gone"),
            "gone");
  machines().set_config(kRoot, kOne, {{"ciuser", "thor"}});
  EXPECT_EQ(to_text(machines().cloudinit_pending(kOne)[0]),
            R"({"key":"ciuser","value":"odin","pending":"thor"})");
  EXPECT_EQ(run(kOne, "grep ^user: /cidata/user-data"), "user: odin");
  machines().regenerate_cloudinit(kRoot, kOne);
  EXPECT_EQ(
      run(kOne, "umount /cidata; mount -t iso9660 -o ro /dev/sr0 /cidata; grep ^user: /cidata/user-data"),
      "user: thor");
  EXPECT_EQ(to_text(machines().cloudinit_pending(kOne)[0]), R"({"key":"ciuser","value":"thor"})");

  // What waits for a restart, and what does not.
  machines().set_config(kRoot, kOne, {{"memory", "192"}, {"name", "renamed"}, {"tags", "a;b"}});
  EXPECT_EQ(world().value(kOne, "memory"), "160");
  EXPECT_EQ(world().value(kOne, "name"), "renamed");
  EXPECT_EQ(machines().config(kOne).at("memory"), "192");
  EXPECT_EQ(machines().config(kOne, true).at("memory"), "160");
  EXPECT_EQ(
      api_error_of([&] {
        machines().set_config(kRoot, kOne, {{"delete", "virtio0"}});
      }),  // 573
      "400 Parameter verification failed.; virtio0: hotplug problem - can't unplug bootdisk 'virtio0'\n");
  machines().set_config(kRoot, kOne, {{"revert", "virtio0,boot"}});
  machines().set_config(kRoot, kOne, {{"ipconfig0", "ip=10.0.2.111/24,gw=10.0.2.2"}});

  // A reboot by the agent applies it; the disk keeps what it held.
  EXPECT_EQ(run(kOne, "echo kept >/disk/note; cat /disk/boots"), "1");
  const auto before = process_of(kOne);
  EXPECT_EQ(world().end_of(machines().reboot(kRoot, kOne, {{"timeout", "60"}})), "OK");
  EXPECT_FALSE(sys::is_alive(before));
  ASSERT_TRUE(agent_answers(kOne));
  EXPECT_EQ(world().value(kOne, "memory"), "192");
  EXPECT_EQ(run(kOne, "cat /disk/note; cat /disk/boots; hostname; ip -4 addr show eth0 | grep -c 10.0.2.111"),
            "kept\n2\nrenamed\n1");

  // Suspended, resumed, reset.
  EXPECT_EQ(world().end_of(machines().suspend(kRoot, kOne, {})), "OK");
  EXPECT_EQ(machines().current(kOne).at("qmpstatus"), "paused");
  EXPECT_EQ(api_error_of([&] { machines().shutdown(kRoot, kOne, {}); }),
            "500 VM is paused - cannot shutdown");
  EXPECT_EQ(world().end_of(machines().resume(kRoot, kOne, {})), "OK");
  EXPECT_EQ(machines().current(kOne).at("qmpstatus"), "running");

  // The daemon goes and another comes: the machine has run on.
  const auto running = process_of(kOne);
  world().restart();
  EXPECT_TRUE(sys::is_alive(running));
  machines().adopt();
  EXPECT_EQ(process_of(kOne), running);
  EXPECT_TRUE(agent_answers(kOne));

  EXPECT_EQ(world().end_of(machines().shutdown(kRoot, kOne, {{"timeout", "60"}})), "OK");
  EXPECT_FALSE(sys::is_alive(running));
  EXPECT_EQ(machines().list_row(kOne).at("status"), "stopped");
  EXPECT_EQ(world().end_of(machines().remove(kRoot, kOne, {})), "OK");
  EXPECT_FALSE(machines().exists(kOne));
  EXPECT_EQ(world().volumes(), 1U);
  EXPECT_TRUE(std::filesystem::is_empty(world().folder.path() / "run"));
}

TEST_F(VmTest, FullCloneByAcpiAndACrash) {
  clone(kTwo, "two", true, "10.0.2.102");
  machines().set_config(kRoot, kTwo, {{"delete", "agent"}});
  start(kTwo);
  // Without an agent the power button: the guest must be up to hear it, which it says on its console.
  ASSERT_TRUE(console_says(kTwo, "two is up"));
  EXPECT_EQ(world().end_of(machines().shutdown(kRoot, kTwo, {{"timeout", "60"}})), "OK");

  start(kTwo);
  const auto process = process_of(kTwo);
  sys::send_signal(process, SIGKILL);
  for (int i = 0; i < 100 && !machines().running().empty(); ++i)
    world().clock.sleep(std::chrono::milliseconds(50));
  EXPECT_TRUE(machines().running().empty());
  EXPECT_EQ(machines().list_row(kTwo).at("status"), "stopped");

  // A guest that does not listen is stopped by force.
  start(kTwo);
  const auto upid = machines().shutdown(kRoot, kTwo, {{"timeout", "0"}, {"forceStop", "1"}});
  EXPECT_EQ(world().end_of(upid), "OK");  // 270
  EXPECT_TRUE(contains(world().log_of(upid), "VM still running - terminating now with SIGTERM"));
  EXPECT_EQ(world().end_of(machines().remove(kRoot, kTwo, {})), "OK");
}

TEST_F(VmTest, AStartThatFailsLeavesNothing) {
  const Vmid bad{1003};
  ASSERT_EQ(world().end_of(machines().create(
                kRoot, bad, {{"memory", "64"}, {"args", "-no-such-option"}, {"net0", "virtio"}})),
            "OK");
  const auto upid = machines().start(kRoot, bad, {});
  EXPECT_EQ(world().end_of(upid).substr(0, 13), "start failed:");
  EXPECT_TRUE(contains(world().log_of(upid), "-no-such-option"));
  EXPECT_TRUE(machines().running().empty());
  EXPECT_EQ(world().end_of(machines().remove(kRoot, bad, {})), "OK");
}

}  // namespace
}  // namespace hlid::node::vm
