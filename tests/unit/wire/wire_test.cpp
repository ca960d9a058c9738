#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.h"
#include "wire/api_error.h"
#include "wire/property_string.h"
#include "wire/size.h"
#include "wire/upid.h"
#include "wire/vm_keys.h"
#include "wire/volume_id.h"

namespace hlid::wire {
namespace {

// The texts below were recorded from the real API (tests/contract), not printed by our own code.

TEST(PropertyString, ReadsANetworkDevice) {
  const auto net = PropertyString::parse("virtio=BC:24:11:22:8C:A3,bridge=vmbr0,queues=2");
  EXPECT_EQ(net.get("virtio"), "BC:24:11:22:8C:A3");
  EXPECT_EQ(net.get("bridge"), "vmbr0");
  EXPECT_EQ(net.print(), "virtio=BC:24:11:22:8C:A3,bridge=vmbr0,queues=2");
}

TEST(PropertyString, ReadsADriveWithItsDefaultKey) {
  auto drive = PropertyString::parse("local:201/vm-201-disk-0.raw,discard=on,iothread=1,size=1G", "file");
  EXPECT_EQ(drive.get("file"), "local:201/vm-201-disk-0.raw");
  EXPECT_TRUE(drive.get_bool("iothread", false));
  drive.set("size", "2G");
  EXPECT_EQ(drive.print("file"), "local:201/vm-201-disk-0.raw,discard=on,iothread=1,size=2G");
}

TEST(PropertyString, RefusesDuplicatesAndBareWords) {
  EXPECT_THROW(PropertyString::parse("a=1,a=2"), Error);
  EXPECT_THROW(PropertyString::parse("virtio,bridge=vmbr0"), Error);
}

TEST(Upid, ReadsARecordedOne) {
  const std::string text = "UPID:asgard:00000594:000A7637:6B0377D2:qmstart:101:root@pam:";
  const auto upid = parse_upid(text);
  ASSERT_TRUE(upid.has_value());
  EXPECT_EQ(upid->pid, 0x594U);
  EXPECT_EQ(upid->type, "qmstart");
  EXPECT_EQ(upid->user, "root@pam");
  EXPECT_EQ(to_string(*upid), text);
}

TEST(Upid, RefusesOthers) {
  for (const char* text :
       {"", "UPID:foo", "UPID:a:1:2:3:t:i:u:", "UPID:a:00000001:00000001:00000001:t:../x:u@pam:",
        "UPID:a:00000001:00000001:00000001:t:i:u@pam"})
    EXPECT_EQ(parse_upid(text), std::nullopt) << text;
}

TEST(VolumeId, KeepsSlashesOfLinkedClones) {
  const auto id = parse_volume_id("local:9000/base-9000-disk-0.qcow2/1001/vm-1001-disk-0.qcow2");
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(id->storage, "local");
  EXPECT_EQ(to_string(*id), "local:9000/base-9000-disk-0.qcow2/1001/vm-1001-disk-0.qcow2");
  for (const char* text : {"local", ":x", "local:", "1x:y", "a b:c"})
    EXPECT_EQ(parse_volume_id(text), std::nullopt);
}

TEST(Size, PrintsTheLargestExactUnit) {
  EXPECT_EQ(print_size(gib(32)), "32G");
  EXPECT_EQ(print_size(mib(1536)), "1536M");
  EXPECT_EQ(print_size(Bytes{350 * 1024}), "350K");
  EXPECT_EQ(parse_size("0.5G"), mib(512));
  EXPECT_EQ(parse_size("4GiB"), std::nullopt);
}

TEST(VmKeys, KnowsTheSlots) {
  EXPECT_TRUE(is_drive_key("scsi30"));
  EXPECT_FALSE(is_drive_key("scsi31"));
  EXPECT_FALSE(is_drive_key("scsi"));
  EXPECT_FALSE(is_drive_key("scsi01"));
  EXPECT_TRUE(is_net_key("net31"));
  EXPECT_FALSE(is_net_key("net32"));
}

TEST(ApiError, TheReasonIsTheFirstLine) {
  const auto error = failure("VM 100 is locked\nmore");
  EXPECT_EQ(error.status(), 500);
  EXPECT_EQ(error.reason(), "VM 100 is locked");
  EXPECT_EQ(parameter_error("vmid", "bad").errors().at("vmid"), "bad");
  EXPECT_EQ(permission_error("/vms/100, VM.Audit").reason(), "Permission check failed (/vms/100, VM.Audit)");
}

RC_GTEST_PROP(PropertyStringProperty, ParseUndoesPrint, ()) {
  PropertyString value;
  const auto word = rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', 'z')));
  for (const auto& key : *rc::gen::unique<std::vector<std::string>>(word)) value.set(key, *word);
  RC_ASSERT(PropertyString::parse(value.print()) == value);
}

}  // namespace
}  // namespace hlid::wire
