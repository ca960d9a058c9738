#include "node/instant/shape.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "support/golden.h"

namespace hlid::node::instant {
namespace {

constexpr const char* kMachine =
    "agent: enabled=1\nboot: order=virtio0\nciuser: odin\nciupgrade: 0\ncores: 2\ncpu: host\n"
    "ide2: local:1001/vm-1001-cloudinit.qcow2,media=cdrom\nipconfig0: ip=10.10.10.101/24,gw=10.10.10.1\n"
    "memory: 4096\nmeta: creation-qemu=7.2.22,ctime=1\nname: valaskjalf-master-1\nnameserver: 10.10.10.1\n"
    "net0: virtio=BC:24:11:00:00:05,bridge=vmbr0,queues=2\nonboot: 1\nostype: l26\nscsihw: virtio-scsi-pci\n"
    "searchdomain: valaskjalf\nserial0: socket\nsmbios1: uuid=11111111-2222-3333-4444-555555555555\n"
    "sshkeys: ssh-ed25519%20AAAA\ntags: hlid;rke2\n"
    "virtio0: local:1001/vm-1001-disk-0.qcow2,discard=on,iothread=1,size=50G\n"
    "vmgenid: 99999999-2222-3333-4444-555555555555\n";

Section machine(const std::string& more = {}) {
  return config::parse_vm_config(std::string(kMachine) + more).main;
}

qemu::HostFacts facts() {
  qemu::HostFacts facts;
  facts.qemu_version = "7.2.22";
  facts.memory_mib = 24000;
  facts.io_uring = false;
  return facts;
}

qemu::Places places(const Section& values) {
  qemu::Places places{"/run/hlid", {}};
  for (const auto& drive : qemu::drives_of(values))
    places.volumes[drive.volume] = {drive.is_cloudinit() ? "/disks/seed" : "/disks/system.qcow2",
                                    drive.is_cloudinit() ? "raw" : "qcow2", false, 0};
  return places;
}

const BaseFile kBase{"/images/base.raw", "raw", 5 << 20, 77, 12};

TEST(Shape, TheTwoCommandLines) {
  const Section values = machine();
  const Section warm = warm_values(values);
  test::expect_golden("instant/warm.argv",
                      join(warm_command(warm, facts(), places(warm), "/warm/memory"), "\n") + "\n");
  test::expect_golden(
      "instant/resumed.argv",
      join(resumed_command(Vmid{1001}, values, facts(), places(values), "/warm/memory"), "\n") + "\n");
  test::expect_golden("instant/warm.conf", config::print_vm_config({.main = warm}));
}

/// Options in order, without what may differ: files, names and identities, cards, the memory's sharing.
std::vector<std::string> hardware(std::vector<std::string> argv) {
  std::vector<std::string> out;
  for (auto& word : argv) {
    word = word.substr(0, word.find(",tb-size="));
    for (const char* own : {"file=", "uuid=", "guid=", "path=", "logfile=", "share="})
      if (const auto at = word.find(own); at != std::string::npos) word.erase(at, word.find(',', at) - at);
    if (contains(word, "/run/hlid/") || contains(word, "net0") || contains(word, "debug-threads")) word = "*";
    out.push_back(word);
  }
  std::erase_if(out, [](const std::string& w) {
    return w == "*" || w == "-netdev" || w == "-device" || w == "-incoming" || w == "defer" ||
           contains(w, "format=");
  });
  return out;
}

TEST(Shape, BothHaveTheSameHardware) {
  const Section values = machine();
  const Section warm = warm_values(values);
  EXPECT_EQ(hardware(warm_command(warm, facts(), places(warm), "/m")),
            hardware(resumed_command(Vmid{1001}, values, facts(), places(values), "/m")));
}

TEST(Shape, NoBalloonReportsPagesOfAFileThatOthersRead) {
  const auto argv = resumed_command(Vmid{1001}, machine(), facts(), places(machine()), "/m");
  EXPECT_TRUE(std::none_of(argv.begin(), argv.end(),
                           [](const auto& word) { return contains(word, "free-page-reporting"); }));
}

TEST(Shape, MachinesOfOneShapeShareAKey) {
  const auto key = [](const std::string& more, const BaseFile& base = kBase) {
    return warm_key(warm_values(machine(more)), facts(), base, {});
  };
  const std::string one = key("");
  EXPECT_EQ(one.size(), 32U);
  for (const char* same :
       {"memory: 12288\n", "name: other\n", "net0: virtio=BC:24:11:00:00:09,bridge=vmbr1\n",
        "ipconfig0: ip=10.10.10.9/24,gw=10.10.10.1\n", "cipassword: $5$x\n", "tags: a\n",
        "smbios1: uuid=aaaaaaaa-2222-3333-4444-555555555555\n",
        "virtio0: local:7/vm-7-disk-3.qcow2,discard=on,iothread=1,size=9G\n"})
    EXPECT_EQ(key(same), one) << same;
  for (const char* other : {"cores: 3\n", "cpu: qemu64\n", "serial1: socket\n", "machine: pc-i440fx-7.1\n",
                            "balloon: 0\n", "kvm: 0\nagent: enabled=1,type=isa\n"})
    EXPECT_NE(key(other), one) << other;
  for (const BaseFile& base :
       {BaseFile{"/images/base.raw", "raw", 5 << 20, 78, 12}, BaseFile{"/x", "raw", 5 << 20, 77, 12}})
    EXPECT_NE(key("", base), one);
  auto newer = facts();
  newer.qemu_version = "8.0.0";
  EXPECT_NE(warm_key(warm_values(machine()), newer, kBase, {}), one);
}

TEST(Shape, SaysWhatKeepsAMachineFromBeingResumed) {
  EXPECT_EQ(obstacle(machine()), "");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"bios: ovmf\n", "its firmware is OVMF"},
      {"machine: q35\n", "its machine type is q35"},
      {"args: -S\n", "its option 'args' cannot be resumed"},
      {"hostpci0: 00:02.0\n", "its option 'hostpci0' cannot be resumed"},
      {"memory: 512\n", "it has less than 1024 MiB of memory"},
      {"ostype: win11\n", "its ostype is not Linux"},
      {"agent: 0\n", "its guest agent is off"},
      {"ciupgrade: 1\n", "cloud-init is to upgrade its packages (ciupgrade)"},
      {"citype: configdrive2\n", "its cloud-init type is not nocloud"},
      {"cicustom: user=local:snippets/u.yaml\n", "its option 'cicustom' cannot be resumed"},
      {"ipconfig0: ip=dhcp\n", "it has no fixed IPv4 address with a gateway"},
      {"scsi1: local:1001/vm-1001-disk-1.raw,size=1G\n", "it has not exactly one disk"},
      {"ide0: local:iso/x.iso,media=cdrom\n", "it has a second CD drive (ide0)"},
      {"ide2: none,media=cdrom\n", "it has a second CD drive (ide2)"},
      {"net1: virtio=BC:24:11:00:00:06,bridge=vmbr0\n", "its option 'net1' cannot be resumed"}};
  for (const auto& [more, why] : cases) EXPECT_EQ(obstacle(machine(more)), why) << more;
}

TEST(Shape, TheRestOfTheMemoryIsPlugged) {
  EXPECT_TRUE(memory_commands(machine("memory: 1024\n")).empty());
  const auto commands = memory_commands(machine());
  ASSERT_EQ(commands.size(), 2U);
  EXPECT_EQ(to_text(commands[0].arguments),
            R"({"qom-type":"memory-backend-ram","id":"mem-dimm0","size":3221225472,"reserve":false})");
  EXPECT_EQ(commands[1].name, "device_add");
}

}  // namespace
}  // namespace hlid::node::instant
