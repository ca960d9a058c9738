// The verbs without QEMU: what a stopped machine's life looks like. Texts are those of the recorded exchanges
// named by their numbers.
#include "node/vm/machines.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/text.h"
#include "node/config/vm_config.h"
#include "support/vm_world.h"

namespace hlid::node::vm {
namespace {

using test::api_error_of;

constexpr Vmid k100{100};
constexpr Vmid k101{101};
const Caller kRoot;
const Caller kToken{"terra@pve!ci", false};

struct MachinesTest : testing::Test {
  test::VmWorld world;
  Machines& machines() { return *world.machines; }

  void make(Vmid vmid, Params params = {}) {
    ASSERT_EQ(world.end_of(machines().create(kRoot, vmid, params)), "OK");
  }
  std::string set(Vmid vmid, const Params& params) {
    return api_error_of([&] { machines().set_config(kRoot, vmid, params); });
  }
};

TEST_F(MachinesTest, AMinimalMachine) {
  make(k100);  // 128
  EXPECT_EQ(world.value(k100, "boot"), " ");
  EXPECT_EQ(world.value(k100, "lock"), "(none)");
  EXPECT_NE(world.value(k100, "vmgenid"), "(none)");
  EXPECT_EQ(world.value(k100, "smbios1").substr(0, 5), "uuid=");
  const auto row = machines().list_row(k100);
  EXPECT_EQ(row.at("name"), "VM 100");
  EXPECT_EQ(row.at("status"), "stopped");
  EXPECT_EQ(row.at("maxmem"), 536870912);
  EXPECT_EQ(row.at("maxdisk"), 0);
  EXPECT_FALSE(row.contains("template"));
  EXPECT_EQ(machines().resource_row(k100).at("template"), 0);
  EXPECT_EQ(machines().next_id(), k101);
}

TEST_F(MachinesTest, DrivesAreMadeInTheOrderOfTheirKeys) {
  const auto upid = machines().create(kRoot, k100,
                                      {{"virtio0", "local:1,iothread=1,discard=on"},
                                       {"scsi1", "local:0.5,format=raw"},
                                       {"net0", "virtio,bridge=vmbr0"}});
  ASSERT_EQ(world.end_of(upid), "OK");
  EXPECT_EQ(world.value(k100, "scsi1"), "local:100/vm-100-disk-0.raw,size=512M");
  EXPECT_EQ(world.value(k100, "virtio0"), "local:100/vm-100-disk-1.raw,discard=on,iothread=1,size=1G");
  EXPECT_EQ(world.value(k100, "boot"), "order=scsi1;net0");
  EXPECT_EQ(world.value(k100, "net0").substr(0, 16), "virtio=BC:24:11:");
  EXPECT_TRUE(
      contains(world.log_of(upid), "virtio0: successfully created disk 'local:100/vm-100-disk-1.raw,"));
  EXPECT_EQ(machines().list_row(k100).at("maxdisk"), 536870912);
}

TEST_F(MachinesTest, CreationErrorsAsRecorded) {
  make(k100);
  const auto create = [this](Vmid vmid, const Params& params) {
    return api_error_of([&] { machines().create(kRoot, vmid, params); });
  };
  EXPECT_EQ(create(k100, {}), "500 unable to create VM 100 - VM 100 already exists on node 'asgard'");  // 125
  EXPECT_EQ(create(k101, {{"scsi0", "nope:1"}}), "500 storage 'nope' does not exist");                  // 074
  EXPECT_EQ(create(k101, {{"ide2", "local:iso/nope.iso"}}),                                             // 135
            "400 Parameter verification failed.; ide2: explicit 'media=cdrom' is required for iso images");
  EXPECT_EQ(create(k101, {{"sshkeys", "rubbish"}}), "500 SSH public key validation error");  // 067
  EXPECT_EQ(api_error_of([&] {
              machines().create(kToken, k101, {{"args", "-S"}});
            }),
            "500 only root can set 'args' config");
  const auto failed = [this](const Params& params) {
    return world.end_of(machines().create(kRoot, k101, params));
  };
  EXPECT_EQ(failed({{"ide2", "local:iso/nope.iso,media=cdrom"}}),  // 273
            "unable to create VM 101 - volume 'local:iso/nope.iso' does not exist");
  EXPECT_EQ(failed({{"scsi0", "local:0,import-from=/tmp/nope.qcow2"}}),  // 131
            "unable to create VM 101 - can't find file '/tmp/nope.qcow2'");
  EXPECT_EQ(failed({{"ide2", "local:cloudinit"}, {"ide3", "local:cloudinit"}}),  // 132
            "unable to create VM 101 - ide2 - cloud-init drive is already attached at 'ide3'");
  EXPECT_FALSE(machines().exists(k101));
  EXPECT_EQ(world.volumes(), 0U);
}

TEST_F(MachinesTest, AFailedCreationLeavesNothing) {
  EXPECT_NE(world.end_of(machines().create(kRoot, k100,
                                           {{"scsi0", "local:1"}, {"scsi1", "local:100/vm-100-disk-7.raw"}})),
            "OK");
  EXPECT_FALSE(machines().exists(k100));
  EXPECT_EQ(world.volumes(), 0U);
}

TEST_F(MachinesTest, MissingMachines) {
  const std::string missing = "500 Configuration file 'nodes/asgard/qemu-server/100.conf' does not exist";
  EXPECT_EQ(api_error_of([&] { machines().current(k100); }), missing);        // 084
  EXPECT_EQ(api_error_of([&] { machines().config(k100); }), missing);         // 085
  EXPECT_EQ(set(k100, {{"memory", "64"}}), missing);                          // 088
  EXPECT_EQ(api_error_of([&] { machines().agent(k100, "ping"); }), missing);  // 090
  EXPECT_EQ(api_error_of([&] {
              machines().clone(kRoot, k100, {{"newid", "101"}});
            }),  // 089
            "500 unable to find configuration file for VM 100 on node 'asgard'");
  EXPECT_EQ(world.end_of(machines().start(kRoot, k100, {})), missing.substr(4));  // 086
}

TEST_F(MachinesTest, ConfigShowsNumbersTextsAndHidesThePassword) {
  make(k100, {{"cores", "2"},
              {"memory", "192"},
              {"onboot", "1"},
              {"cipassword", "geheim1"},
              {"tags", "b;a"},
              {"description", "hello: world\n100% \xc3\xbc"}});
  const auto config = machines().config(k100);  // 141
  EXPECT_EQ(config.at("cores"), 2);
  EXPECT_EQ(config.at("memory"), "192");
  EXPECT_EQ(config.at("onboot"), 1);
  EXPECT_EQ(config.at("tags"), "b;a");
  EXPECT_EQ(config.at("cipassword"), "**********");
  EXPECT_EQ(config.at("description"), "hello: world\n100% \xc3\xbc");
  EXPECT_EQ(config.at("digest").as_string().size(), 40U);
}

TEST_F(MachinesTest, ChangesOfAStoppedMachineTakeEffectAtOnce) {
  make(k100, {{"net0", "virtio,bridge=vmbr0"}});
  EXPECT_EQ(set(k100, {{"name", "renamed"}, {"memory", "64"}, {"tags", "x,y z"}}), "");  // 156, 160
  EXPECT_EQ(world.value(k100, "memory"), "64");
  EXPECT_EQ(world.value(k100, "tags"), "x;y;z");
  EXPECT_EQ(set(k100, {{"delete", "memory,ide2"}}), "");  // 169: not set is no error
  EXPECT_EQ(world.value(k100, "memory"), "(none)");
  const std::string mac = world.value(k100, "net0");
  EXPECT_EQ(set(k100, {{"net0", "virtio,bridge=vmbr0,tag=7"}}), "");  // 631: without a MAC it is a new card
  EXPECT_NE(world.value(k100, "net0").substr(0, 24), mac.substr(0, 24));
  EXPECT_EQ(set(k100, {{"cipassword", "geheim2"}}), "");  // 620
  EXPECT_EQ(world.value(k100, "cipassword").substr(0, 3), "$5$");
}

TEST_F(MachinesTest, ChangeErrorsAsRecorded) {
  make(k100, {{"scsi1", "local:1"}});
  EXPECT_EQ(set(k100, {}), "500 no options specified");  // 162
  EXPECT_EQ(set(k100, {{"name", "again"}, {"digest", "xyz"}}),
            "500 checksum mismatch (file change by other user?)");  // 159
  EXPECT_EQ(set(k100, {{"delete", "foo"}}),
            "400 Parameter verification failed.; delete: unknown option 'foo'");  // 170
  EXPECT_EQ(set(k100, {{"scsi0", "local:100/vm-100-disk-77.qcow2"}}),             // 177
            "500 volume 'local:100/vm-100-disk-77.qcow2' does not exist");
  EXPECT_EQ(set(k100, {{"boot", "order=scsi7"}}),
            "500 invalid bootorder: device 'scsi7' does not exist'");  // 622
  EXPECT_EQ(set(k100, {{"protection", "1"}}), "");
  EXPECT_EQ(set(k100, {{"delete", "scsi1"}}),
            "500 can't remove drive 'scsi1' - protection mode enabled");  // 517
  EXPECT_EQ(api_error_of([&] { machines().remove(kRoot, k100, {}); }),    // 516
            "500 can't remove VM 100 - protection mode enabled");
  EXPECT_EQ(set(k100, {{"protection", "0"}}), "");
  EXPECT_EQ(set(k100, {{"name", "bad\nmemory: 1"}}).substr(0, 35), "400 Parameter verification failed.;");
  EXPECT_EQ(set(k100, {{"lock", "backup"}}), "");
  EXPECT_EQ(set(k100, {{"memory", "128"}}), "500 VM is locked (backup)");                // 510
  EXPECT_EQ(world.end_of(machines().start(kRoot, k100, {})), "VM is locked (backup)");   // 511
  EXPECT_EQ(world.end_of(machines().remove(kRoot, k100, {})), "VM is locked (backup)");  // 512
  EXPECT_EQ(machines().current(k100).at("lock"), "backup");                              // 513
}

TEST_F(MachinesTest, DisksAreKeptAsUnusedUntilForced) {
  make(k100);
  EXPECT_EQ(set(k100, {{"scsi0", "local:1"}}), "");  // 163
  EXPECT_EQ(set(k100, {{"scsi0", "local:1"}}), "");  // replaced: 165
  EXPECT_EQ(world.value(k100, "unused0"), "local:100/vm-100-disk-0.raw");
  EXPECT_EQ(world.value(k100, "scsi0"), "local:100/vm-100-disk-1.raw,size=1G");
  EXPECT_EQ(set(k100, {{"delete", "scsi0"}}), "");  // 166, 167
  EXPECT_EQ(world.value(k100, "unused1"), "local:100/vm-100-disk-1.raw");
  EXPECT_EQ(set(k100, {{"virtio3", "local:100/vm-100-disk-1.raw"}}), "");  // 627: no longer unused
  EXPECT_EQ(world.value(k100, "unused1"), "(none)");
  EXPECT_EQ(world.value(k100, "virtio3"), "local:100/vm-100-disk-1.raw,size=1G");
  EXPECT_EQ(set(k100, {{"delete", "unused0"}}), "");  // 168
  EXPECT_EQ(world.volumes(), 1U);
  EXPECT_EQ(set(k100, {{"delete", "virtio3"}, {"force", "1"}}), "");  // 629
  EXPECT_EQ(world.volumes(), 0U);
}

TEST_F(MachinesTest, BootOrderFollowsItsDevices) {
  make(k100, {{"virtio0", "local:1"}, {"net0", "virtio"}});
  EXPECT_EQ(world.value(k100, "boot"), "order=virtio0;net0");
  EXPECT_EQ(set(k100, {{"ide2", "none,media=cdrom"}}), "");
  EXPECT_EQ(world.value(k100, "boot"), "order=virtio0;net0;ide2");
  EXPECT_EQ(set(k100, {{"delete", "virtio0"}}), "");  // 625
  EXPECT_EQ(world.value(k100, "boot"), "order=net0;ide2");
  EXPECT_EQ(set(k100, {{"scsi4", "local:1"}, {"boot", "order=scsi4"}}), "");  // a device of the same change
}

TEST_F(MachinesTest, PostConfigIsATask) {
  make(k100);
  const auto upid = machines().set_config_task(
      kRoot, k100, {{"description", "via post"}, {"tags", "x,y z"}, {"cipassword", "s3cret"}});
  ASSERT_TRUE(upid);
  EXPECT_EQ(world.end_of(*upid), "OK");
  EXPECT_TRUE(contains(world.log_of(*upid), "update VM 100:"));  // 160
  EXPECT_FALSE(contains(world.log_of(*upid), "s3cret"));
  EXPECT_EQ(machines().set_config_task(kRoot, k100, {{"name", "a"}, {"background_delay", "5"}}),
            std::nullopt);  // 161
}

TEST_F(MachinesTest, ALockedConfigTimesOut) {
  make(k100);
  auto held = world.configs->lock(k100);
  const std::string text = "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout";
  EXPECT_EQ(set(k100, {{"memory", "96"}}), "500 " + text);  // 564
  const auto upid = machines().start(kRoot, k100, {});
  EXPECT_EQ(world.end_of(upid), text);  // 578
  EXPECT_TRUE(contains(world.log_of(upid), "trying to acquire lock..."));
}

// A task's machine is locked when the call that started it returns: what is called next comes after it.
TEST_F(MachinesTest, CallsTakeEffectInTheirOrder) {
  make(k100);
  for (int i = 0; i < 20; ++i) {
    const auto upid = machines().set_config_task(kRoot, k100, {{"name", "by-task"}});
    ASSERT_EQ(set(k100, {{"name", "by-call"}}), "");
    ASSERT_EQ(world.end_of(*upid), "OK");
    ASSERT_EQ(world.value(k100, "name"), "by-call");
  }
}

TEST_F(MachinesTest, ResizeAsRecorded) {
  make(k100, {{"virtio0", "local:1"}, {"ide2", "none,media=cdrom"}});
  const auto resize = [this](const std::string& disk, const std::string& size) {
    return world.end_of(machines().resize(kRoot, k100, {{"disk", disk}, {"size", size}}));
  };
  EXPECT_EQ(resize("virtio0", "3G"), "OK");          // 186
  EXPECT_EQ(resize("virtio0", "3222274048"), "OK");  // 187
  EXPECT_EQ(world.value(k100, "virtio0"), "local:100/vm-100-disk-0.raw,size=3073M");
  EXPECT_EQ(resize("virtio0", "+1G"), "OK");
  EXPECT_EQ(world.value(k100, "virtio0"), "local:100/vm-100-disk-0.raw,size=4097M");
  EXPECT_EQ(resize("virtio0", "1G"), "shrinking disks is not supported");  // 189
  EXPECT_EQ(resize("scsi5", "+1G"), "disk 'scsi5' does not exist");        // 191
  EXPECT_EQ(resize("ide2", "+1G"), "you can't resize a cdrom");            // 193
}

TEST_F(MachinesTest, FullClone) {
  make(k100, {{"virtio0", "local:0.01"}, {"net0", "virtio,bridge=vmbr0"}, {"name", "web"}, {"onboot", "1"}});
  ASSERT_EQ(set(k100, {{"scsi3", "local:0.01"}}), "");
  ASSERT_EQ(set(k100, {{"delete", "scsi3"}}), "");
  const auto upid = machines().clone(
      kRoot, k100, {{"newid", "110"}, {"name", "copy"}, {"full", "1"}, {"description", "cloned"}});
  ASSERT_EQ(world.end_of(upid), "OK");
  const Vmid copy{110};
  EXPECT_EQ(world.value(copy, "virtio0").substr(0, 27), "local:110/vm-110-disk-0.raw");
  EXPECT_EQ(world.value(copy, "name"), "copy");
  EXPECT_EQ(world.value(copy, "description"), "cloned");
  EXPECT_EQ(world.value(copy, "onboot"), "1");
  EXPECT_EQ(world.value(copy, "unused0"), "(none)");
  EXPECT_EQ(world.value(copy, "lock"), "(none)");
  for (const char* key : {"net0", "smbios1", "vmgenid"})
    EXPECT_NE(world.value(copy, key), world.value(k100, key));
  EXPECT_EQ(world.value(copy, "meta"), world.value(k100, "meta"));
  EXPECT_TRUE(
      contains(world.log_of(upid), "create full clone of drive virtio0 (local:100/vm-100-disk-0.raw)"));
  ASSERT_EQ(world.end_of(machines().clone(kRoot, k100, {{"newid", "111"}})), "OK");
  EXPECT_EQ(world.value(Vmid{111}, "name"), "Copy-of-VM-web");
}

TEST_F(MachinesTest, CloneErrorsAsRecorded) {
  make(k100, {{"virtio0", "local:0.01"}});
  make(k101);
  const auto clone = [this](Params params) {
    params.emplace("newid", "112");
    return api_error_of([&] { machines().clone(kRoot, k100, params); });
  };
  EXPECT_EQ(clone({{"full", "0"}}),  // 289
            "500 Linked clone feature is not supported for 'local:100/vm-100-disk-0.raw' (virtio0)");
  EXPECT_EQ(clone({{"storage", "nope"}}), "500 storage 'nope' does not exist");    // 292
  EXPECT_EQ(clone({{"target", "nope"}}), "500 no such cluster node 'nope'");       // 293
  EXPECT_EQ(clone({{"snapname", "none"}}), "500 snapshot 'none' does not exist");  // 638
  EXPECT_EQ(clone({{"newid", "101"}}), "500 unable to create VM 101: config file already exists");
  EXPECT_EQ(clone({{"full", "0"}, {"format", "raw"}}),
            "500 parameter 'format' not allowed for linked clones");  // 301
  EXPECT_EQ(clone({{"full", "0"}, {"storage", "local"}}),
            "500 parameter 'storage' not allowed for linked clones");  // 300
}

TEST_F(MachinesTest, TemplateAndItsClones) {
  make(k100, {{"virtio0", "local:0.01"}, {"ide2", "none,media=cdrom"}});
  ASSERT_EQ(world.end_of(machines().make_template(kRoot, k100, {})), "OK");  // 295
  EXPECT_EQ(world.value(k100, "template"), "1");
  EXPECT_EQ(world.value(k100, "virtio0").substr(0, 29), "local:100/base-100-disk-0.raw");
  EXPECT_EQ(api_error_of([&] { machines().make_template(kRoot, k100, {}); }),
            "500 you can't convert a template to a template");  // 296
  EXPECT_EQ(world.end_of(machines().start(kRoot, k100, {})),
            "you can't start a vm if it's a template");  // 298
  EXPECT_EQ(machines().list_row(k100).at("template"), 1);
  ASSERT_EQ(world.end_of(machines().clone(kRoot, k100, {{"newid", "113"}, {"full", "0"}})), "OK");  // 299
  EXPECT_EQ(world.value(Vmid{113}, "virtio0").substr(0, 58),
            "local:100/base-100-disk-0.raw/113/vm-113-disk-0.qcow2,size");
  EXPECT_TRUE(contains(world.end_of(machines().remove(kRoot, k100, {})),
                       "base volume '100/base-100-disk-0.raw' is still in use by linked cloned"));  // 304
  EXPECT_TRUE(machines().exists(k100));
  ASSERT_EQ(world.end_of(machines().remove(kRoot, Vmid{113}, {})), "OK");
  ASSERT_EQ(world.end_of(machines().remove(kRoot, k100, {})), "OK");
  EXPECT_EQ(world.volumes(), 0U);
}

TEST_F(MachinesTest, RemovalTakesItsVolumesAndNobodyElses) {
  make(k100, {{"virtio0", "local:0.01"}});
  make(k101, {{"virtio0", "local:0.01"}, {"scsi1", "local:100/vm-100-disk-0.raw"}});  // 176
  ASSERT_EQ(world.end_of(machines().remove(kRoot, k101, {{"purge", "1"}})), "OK");
  EXPECT_FALSE(machines().exists(k101));
  EXPECT_EQ(world.volumes(), 1U);
  EXPECT_EQ(api_error_of([&] { machines().remove(kRoot, k101, {}); }),  // 551
            "500 Configuration file 'nodes/asgard/qemu-server/101.conf' does not exist");
}

TEST_F(MachinesTest, PowerVerbsOfAStoppedMachine) {
  make(k100, {{"agent", "1"}});
  EXPECT_EQ(world.end_of(machines().stop(kRoot, k100, {})), "OK");      // 197
  EXPECT_EQ(world.end_of(machines().shutdown(kRoot, k100, {})), "OK");  // 198
  const std::string off = "500 VM 100 not running";
  EXPECT_EQ(api_error_of([&] { machines().reboot(kRoot, k100, {}); }), off);                      // 199
  EXPECT_EQ(api_error_of([&] { machines().reset(kRoot, k100, {}); }), off);                       // 200
  EXPECT_EQ(api_error_of([&] { machines().suspend(kRoot, k100, {}); }), off);                     // 201
  EXPECT_EQ(api_error_of([&] { machines().agent(k100, "ping"); }), "500 VM 100 is not running");  // 195
  ASSERT_EQ(set(k100, {{"delete", "agent"}}), "");
  EXPECT_EQ(api_error_of([&] { machines().agent(k100, "ping"); }),
            "500 No QEMU guest agent configured");  // 194
}

TEST_F(MachinesTest, NamesAndAddressesAreTold) {
  make(k100, {{"name", "a"},
              {"net0", "virtio=BC:24:11:00:00:01,bridge=vmbr0"},
              {"ipconfig0", "ip=10.10.10.101/24,gw=10.10.10.1"},
              {"searchdomain", "lab"}});
  const auto hosts = world.network.hosts();
  ASSERT_EQ(hosts.size(), 1U);
  EXPECT_EQ(hosts[0].name, "a");
  EXPECT_EQ(hosts[0].domain, "lab");
  ASSERT_TRUE(hosts[0].address);
  EXPECT_EQ(to_string(*hosts[0].address), "10.10.10.101");
}

// -- what a killed daemon leaves
// --------------------------------------------------------------------------------------

TEST_F(MachinesTest, AHalfMadeMachineIsRemovedByTheNextDaemon) {
  make(k101, {{"virtio0", "local:0.01"}});
  config::VmConfig marker;
  marker.main.set("lock", "clone");
  world.configs->create(world.configs->lock(k100), marker);
  world.storages->find("local")->allocate(k100, "raw", mib(1));
  world.restart();
  machines().adopt();
  EXPECT_FALSE(machines().exists(k100));
  EXPECT_EQ(world.volumes(), 1U);  // that of 101
}

TEST_F(MachinesTest, AHalfDestroyedMachineIsDestroyed) {
  make(k100, {{"virtio0", "local:0.01"}});
  auto config = world.configs->require(k100)->config;
  config.main.set("lock", "destroyed");
  world.configs->write(world.configs->lock(k100), config);
  world.restart();
  machines().adopt();
  EXPECT_FALSE(machines().exists(k100));
  EXPECT_EQ(world.volumes(), 0U);
}

TEST_F(MachinesTest, AHalfMadeTemplateIsFinished) {
  make(k100, {{"virtio0", "local:0.01"}, {"virtio1", "local:0.01"}});
  auto config = world.configs->require(k100)->config;
  config.main.set("template", "1");
  world.configs->write(world.configs->lock(k100), config);
  // The first disk was renamed, and the daemon killed before it wrote that down.
  world.storages->find("local")->make_base({"local", "100/vm-100-disk-0.raw"});
  world.restart();
  machines().adopt();
  EXPECT_EQ(world.value(k100, "virtio0").substr(0, 29), "local:100/base-100-disk-0.raw");
  EXPECT_EQ(world.value(k100, "virtio1").substr(0, 29), "local:100/base-100-disk-1.raw");
  EXPECT_EQ(world.volumes(), 2U);
}

TEST_F(MachinesTest, LostVolumesAreFoundAgain) {
  make(k100, {{"virtio0", "local:0.01"}});
  const auto local = world.storages->find("local");
  const auto lost = local->allocate(k100, "raw", mib(1));
  local->allocate(k100, "raw", mib(4), "vm-100-cloudinit.raw");
  world.restart();
  machines().adopt();
  EXPECT_EQ(world.value(k100, "unused0"), to_string(lost));
  EXPECT_EQ(world.volumes(), 2U);
  ASSERT_EQ(world.end_of(machines().remove(kRoot, k100, {})), "OK");
  EXPECT_EQ(world.volumes(), 0U);
}

}  // namespace
}  // namespace hlid::node::vm
