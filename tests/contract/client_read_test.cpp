#include <gtest/gtest.h>

#include "contract/client_recording.h"
#include "pve/agent.h"
#include "pve/cluster.h"
#include "pve/network.h"
#include "pve/nodes.h"
#include "pve/storage.h"
#include "pve/tasks.h"
#include "pve/version.h"
#include "pve/vms.h"
#include "wire/api_error.h"

/// What the client makes of the answers of the real API to its questions.
namespace hlid::pve {
namespace {

using test::Replay;

const VmRef kVm{"asgard", {100}};

TEST(ClientReads, Version) {
  Replay replay("001");
  const auto found = version(replay.session());
  EXPECT_EQ(found.version, "8.4.21");
  EXPECT_EQ(found.release, "8.4");
  EXPECT_FALSE(found.embedded());
  replay.expect_same_request();
}

TEST(ClientReads, Nodes) {
  Replay replay("091");
  const auto found = nodes(replay.session());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].name, "asgard");
  EXPECT_TRUE(found[0].online);
  EXPECT_EQ(found[0].cpus, 2);
  EXPECT_EQ(found[0].memory.count, 25276063744);
  replay.expect_same_request();
}

TEST(ClientReads, NodeStatus) {
  Replay replay("093");
  const auto found = node_status(replay.session(), "asgard");
  EXPECT_EQ(found.memory_total.count, 25276063744);
  EXPECT_EQ(found.cpus, 2);
  EXPECT_FALSE(found.hardware_virtualization);  // hvm is empty: the recording machine emulates
  EXPECT_EQ(found.version.substr(0, 18), "pve-manager/8.4.21");
  replay.expect_same_request();
}

TEST(ClientReads, Resources) {
  Replay replay("146");
  const auto found = resources(replay.session());
  ASSERT_GE(found.size(), 6U);
  EXPECT_EQ(found[0].type, "qemu");
  EXPECT_EQ(found[0].vmid, Vmid{100});
  EXPECT_EQ(found[0].name, "web-1");
  EXPECT_EQ(found[0].tags, "b;a");
  EXPECT_EQ(found[0].memory.count, 201326592);
  EXPECT_FALSE(found[0].is_template);
  replay.expect_same_request();
}

TEST(ClientReads, ResourcesRightAfterACreateLackTheirName) {
  Replay replay("664");
  const auto found = resources(replay.session());
  const auto fresh =
      std::find_if(found.begin(), found.end(), [](const auto& r) { return r.status == "unknown"; });
  ASSERT_NE(fresh, found.end());
  EXPECT_GT(fresh->vmid.value, 99);
  EXPECT_TRUE(fresh->name.empty());
}

TEST(ClientReads, NextIdIsTextThatIsANumber) {
  Replay replay("081");
  EXPECT_EQ(next_id(replay.session()), Vmid{100});
  replay.expect_same_request();
}

TEST(ClientReads, ATakenIdIsNoError) {
  Replay replay("126");
  EXPECT_FALSE(is_free(replay.session(), {100}));
  replay.expect_same_request();
}

TEST(ClientReads, Config) {
  Replay replay("141");
  const auto found = find_config(replay.session(), kVm);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->at("memory"), "192");
  EXPECT_EQ(found->at("cores"), "1");
  EXPECT_EQ(found->at("onboot"), "1");
  EXPECT_EQ(found->at("boot"), "order=virtio0");
  EXPECT_EQ(found->at("cipassword"), "**********");
  ASSERT_EQ(decode_ssh_keys(found->at("sshkeys")).size(), 1U);
  EXPECT_TRUE(decode_ssh_keys(found->at("sshkeys"))[0].ends_with(" user@laptop"));
  replay.expect_same_request();
}

TEST(ClientReads, ConfigOfAMissingMachine) {
  Replay replay("085");
  EXPECT_FALSE(find_config(replay.session(), kVm));
  replay.expect_same_request();
}

TEST(ClientReads, StatusOfAMissingMachine) {
  Replay replay("084");
  EXPECT_FALSE(find_status(replay.session(), kVm));
  replay.expect_same_request();
}

TEST(ClientReads, StatusStopped) {
  Replay replay("154");
  const auto found = vm_status(replay.session(), kVm);
  EXPECT_FALSE(found.running());
  EXPECT_EQ(found.qmp_status, "stopped");
  EXPECT_EQ(found.name, "web-1");
  replay.expect_same_request();
}

TEST(ClientReads, StatusRunning) {
  Replay replay("659");
  EXPECT_TRUE(vm_status(replay.session(), kVm).running());
  replay.expect_same_request();
}

TEST(ClientReads, StatusLocked) {
  Replay replay("513");
  EXPECT_EQ(vm_status(replay.session(), {"asgard", {101}}).lock, "backup");
  replay.expect_same_request();
}

TEST(ClientReads, Pending) {
  Replay replay("239");
  const auto found = pending_changes(replay.session(), kVm);
  const auto cores = std::find_if(found.begin(), found.end(), [](const auto& c) { return c.key == "cores"; });
  ASSERT_NE(cores, found.end());
  EXPECT_EQ(cores->value, "1");
  EXPECT_EQ(cores->pending, "2");
  for (const auto& change : found) EXPECT_NE(change.key, "name");
  replay.expect_same_request();
}

TEST(ClientReads, PendingDeletion) {
  Replay replay("243");
  const auto found = pending_changes(replay.session(), kVm);
  EXPECT_TRUE(std::any_of(found.begin(), found.end(), [](const auto& c) { return c.deletion; }));
  replay.expect_same_request();
}

TEST(ClientReads, MachinesWithATemplateAmongThem) {
  Replay replay("307");
  const auto found = vms(replay.session(), "asgard");
  EXPECT_EQ(std::count_if(found.begin(), found.end(), [](const auto& vm) { return vm.is_template; }), 1);
  replay.expect_same_request();
}

TEST(ClientReads, Storages) {
  Replay replay("334");
  const auto found = storages(replay.session(), "asgard");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].id, "local");
  EXPECT_EQ(found[1].type, "dir");
  EXPECT_TRUE(found[1].active);
  EXPECT_EQ(found[1].content.size(), 6U);
  EXPECT_EQ(found[1].available.count, 79121969152);
  replay.expect_same_request();
}

TEST(ClientReads, Volumes) {
  Replay replay("356");
  const auto found = volumes(replay.session(), "asgard", "local", "iso");
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].id.storage, "local");
  EXPECT_TRUE(found[0].id.name.starts_with("iso/"));
  EXPECT_EQ(found[0].content, "iso");
  replay.expect_same_request();
}

TEST(ClientReads, Network) {
  Replay replay("120");
  const auto found = interfaces(replay.session(), "asgard");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, "vmbr0");
  EXPECT_EQ(found[0].type, "bridge");
  EXPECT_EQ(found[0].address, parse_cidr("10.254.0.1/24"));
  EXPECT_FALSE(found[1].address);
  replay.expect_same_request();
}

TEST(ClientReads, TaskStates) {
  const std::string running = "UPID:asgard:00000594:000A7637:6B0377D2:qmstart:101:root@pam:";
  Replay started("491");
  EXPECT_TRUE(task_status(started.session(), running).running);
  started.expect_same_request();
  Replay failed("497");
  const auto status =
      task_status(failed.session(), "UPID:asgard:00000596:000A763E:6B0377D2:qmstart:101:root@pam:");
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.exit_status, "volume 'local:100/vm-100-disk-0.raw' does not exist");
  failed.expect_same_request();
  Replay stopped("566");
  EXPECT_EQ(task_status(stopped.session(), running).exit_status, "received interrupt");
}

TEST(ClientReads, AgentInterfaces) {
  Replay replay("209");
  const auto found = guest_interfaces(replay.session(), kVm);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].name, "eth0");
  EXPECT_EQ(found[1].mac, "BC:24:11:46:40:C3");
  ASSERT_EQ(found[1].addresses.size(), 1U);
  EXPECT_EQ(to_string(found[1].addresses[0]), "10.254.0.5/24");
  replay.expect_same_request();
}

TEST(ClientReads, AgentPing) {
  Replay answered("207");
  EXPECT_TRUE(agent_ping(answered.session(), kVm));
  answered.expect_same_request();
  Replay stopped("195");
  EXPECT_THROW(agent_ping(stopped.session(), kVm), wire::ApiError);
  stopped.expect_same_request();
  Replay without("194");
  EXPECT_THROW(agent_ping(without.session(), {"asgard", {101}}), wire::ApiError);
}

TEST(ClientReads, AgentFiles) {
  Replay there("232");
  EXPECT_EQ(guest_read_file(there.session(), kVm, "/tmp/x"), "hello\n");
  there.expect_same_request();
  Replay missing("233");
  EXPECT_FALSE(guest_read_file(missing.session(), kVm, "/nope"));
  missing.expect_same_request();
}

TEST(ClientReads, WhatIsDenied) {
  for (const auto* number : {"420", "422"}) {
    Replay replay(number);
    try {
      if (std::string(number) == "420")
        find_config(replay.session(), {"asgard", {101}});
      else
        node_status(replay.session(), "asgard");
      FAIL() << "no error";
    } catch (const wire::ApiError& error) {
      EXPECT_EQ(error.code(), Errc::denied);
      EXPECT_EQ(error.status(), 403);
      EXPECT_TRUE(error.reason().starts_with("Permission check failed (/")) << error.reason();
    }
    replay.expect_same_request();
  }
}

}  // namespace
}  // namespace hlid::pve
