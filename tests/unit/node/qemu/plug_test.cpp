#include "node/qemu/plug.h"

#include <gtest/gtest.h>

namespace hlid::node::qemu {
namespace {

struct Plug : testing::Test {
  config::Section before;
  HostFacts facts;
  Places places{"/run", {{"local:100/vm-100-disk-1.raw", {"/srv/1.raw", "raw", true, 0}}}};

  std::vector<std::string> names(const config::Section& after) {
    std::vector<std::string> out;
    const auto commands = plug_commands(Vmid{100}, before, after, facts, places);
    if (!commands) return {"(refused)"};
    for (const auto& command : *commands) out.push_back(command.name);
    return out;
  }
};
using Names = std::vector<std::string>;

TEST_F(Plug, ADiskIsAThreadANodeAndADevice) {
  auto after = before;
  after.set("virtio1", "local:100/vm-100-disk-1.raw,discard=on,iothread=1");
  EXPECT_EQ(names(after), (Names{"object-add", "blockdev-add", "device_add"}));
  const auto commands = *plug_commands(Vmid{100}, before, after, facts, places);
  EXPECT_EQ(to_text(commands[0].arguments), R"({"qom-type":"iothread","id":"iothread-virtio1"})");
  EXPECT_EQ(commands[1].arguments.at("node-name"), "drive-virtio1");
  EXPECT_EQ(commands[1].arguments.at("detect-zeroes"), "unmap");
  EXPECT_EQ(commands[1].arguments.at("file").at("filename"), "/srv/1.raw");
  EXPECT_EQ(commands[2].arguments.at("driver"), "virtio-blk-pci");
  EXPECT_EQ(commands[2].arguments.at("addr"), "0xb");
}

TEST_F(Plug, ASingleScsiDiskBringsItsController) {
  before.set("scsihw", "virtio-scsi-single");
  auto after = before;
  after.set("scsi3", "local:100/vm-100-disk-1.raw,ssd=1");
  EXPECT_EQ(names(after), (Names{"device_add", "blockdev-add", "device_add"}));
}

TEST_F(Plug, ACardIsABackendAndADevice) {
  auto after = before;
  after.set("net1", "virtio=BC:24:11:00:00:01,bridge=vmbr0,queues=2");
  EXPECT_EQ(names(after), (Names{"netdev_add", "device_add"}));
  const auto commands = *plug_commands(Vmid{100}, before, after, facts, places);
  EXPECT_EQ(commands[0].arguments.at("queues"), 2);
  EXPECT_EQ(commands[1].arguments.at("mq"), true);
}

TEST_F(Plug, WhatIsNoDeviceIsRefused) {
  auto after = before;
  after.set("memory", "1024");
  EXPECT_EQ(names(after), Names{"(refused)"});
  after = before;
  after.set("virtio1", "local:100/vm-100-disk-1.raw,mbps_rd=10");
  EXPECT_EQ(names(after), Names{"(refused)"});
  EXPECT_TRUE(names(before).empty());
}

TEST_F(Plug, ArgumentsAreTyped) {
  EXPECT_EQ(to_text(typed_arguments("x,a=1,b=on,c=0x5,serial=007,d=off", "driver")),
            R"({"driver":"x","a":1,"b":true,"c":"0x5","serial":"007","d":false})");
}

}  // namespace
}  // namespace hlid::node::qemu
