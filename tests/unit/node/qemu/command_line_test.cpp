#include "node/qemu/command_line.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "node/qemu/pci_address.h"
#include "support/golden.h"
#include "support/showcmd.h"
#include "wire/api_error.h"

namespace hlid::node::qemu {
namespace {

constexpr const char* kRun = "/run/hlid";

HostFacts facts_of(const test::CommandLineCase& one) {
  HostFacts facts;
  facts.qemu_binary = "/usr/bin/qemu-system-x86_64";
  facts.qemu_version = one.header("QEMU_VERSION", "7.2.22");
  facts.kvm = one.header("KVM", "1") == "1";
  facts.memory_mib = std::atoll(one.header("HOST_MEMORY_MIB", "0").c_str());
  facts.io_uring = one.header("IO_URING", "1") == "1";
  if (one.header("OVMF", "1") == "1") {
    facts.ovmf_code = "/usr/share/OVMF/OVMF_CODE_4M.fd";
    facts.ovmf_vars = "/usr/share/OVMF/OVMF_VARS_4M.fd";
  }
  return facts;
}

Places places_of(const test::CommandLineCase& one, const config::Section& values) {
  Places places{kRun, {}};
  for (const auto& [key, value] : values) {
    const std::string volume = value.substr(0, value.find(','));
    if (!is_disk_key(key) || volume.find(':') == std::string::npos || contains(volume, "missing")) continue;
    places.volumes[volume] = VolumeFile{test::recorded_path(volume), test::recorded_format(volume),
                                        one.header("DIRECT_IO", "1") == "1", 540672};
  }
  return places;
}

Vmid vmid_of(const test::CommandLineCase& one) {
  return parse_vmid(one.name.substr(0, 3)).value_or(Vmid{300});
}

std::vector<std::string> command_of(const test::CommandLineCase& one) {
  const auto config = config::parse_vm_config(one.config_text);
  return build_command(vmid_of(one), config.main, facts_of(one), places_of(one, config.main));
}

class CommandLine : public testing::TestWithParam<test::CommandLineCase> {};

TEST_P(CommandLine, IsGolden) {
  const std::string expected_error = GetParam().header("EXPECT_ERROR", "");
  try {
    const auto argv = command_of(GetParam());
    ASSERT_EQ(expected_error, "");
    test::expect_golden("cmdline/" + GetParam().name + ".argv", join(argv, "\n") + "\n");
  } catch (const wire::ApiError& error) {
    EXPECT_EQ(error.status(), 500);
    EXPECT_EQ(error.reason(), expected_error);
  }
}

// -- against what Proxmox itself printed: only the differences that command_line.h lists may remain
// ------------------

using Words = std::vector<std::string>;

/// Removes OPTION VALUE where the value begins with `prefix`.
void drop(Words& words, const std::string& option, const std::string& prefix) {
  for (std::size_t i = 0; i + 1 < words.size();) {
    if (words[i] == option && words[i + 1].rfind(prefix, 0) == 0) {
      words.erase(words.begin() + static_cast<long>(i), words.begin() + static_cast<long>(i) + 2);
    } else {
      ++i;
    }
  }
}

void replace(Words& words, const std::string& from, const std::string& to) {
  for (auto& word : words) word = replace_all(word, from, to);
}

void replace_q35_file(Words& words) {
  const auto at = std::find(words.begin(), words.end(), "/usr/share/qemu-server/pve-q35-4.0.cfg");
  if (at == words.end()) return;
  const auto from = words.erase(at - 1, at + 1);
  Words devices;
  for (const char* device :
       {"ich9-usb-ehci1,id=ehci,bus=pcie.0,addr=0x1d.0x7,multifunction=on",
        "ich9-usb-uhci1,id=uhci-1,bus=pcie.0,addr=0x1d.0x0,multifunction=on,masterbus=ehci.0,firstport=0",
        "ich9-usb-uhci2,id=uhci-2,bus=pcie.0,addr=0x1d.0x1,multifunction=on,masterbus=ehci.0,firstport=2",
        "ich9-usb-uhci3,id=uhci-3,bus=pcie.0,addr=0x1d.0x2,multifunction=on,masterbus=ehci.0,firstport=4",
        "i82801b11-bridge,id=pcidmi,bus=pcie.0,addr=0x1e",
        "pci-bridge,id=pci.0,bus=pcidmi,addr=0x1,chassis_nr=1",
        "pci-bridge,id=pci.1,bus=pcidmi,addr=0x2,chassis_nr=2",
        "pci-bridge,id=pci.2,bus=pcidmi,addr=0x3,chassis_nr=3",
        "pci-bridge,id=pci.3,bus=pcidmi,addr=0x4,chassis_nr=4"}) {
    devices.insert(devices.end(), {"-device", device});
  }
  words.insert(from, devices.begin(), devices.end());
}

void without_spice(Words& words) {
  drop(words, "-readconfig", "/usr/share/qemu-server/pve-usb.cfg");
  drop(words, "-chardev", "spicevmc");
  drop(words, "-device", "usb-redir");
  drop(words, "-device", "virtio-serial,id=spice");
  drop(words, "-device", "virtserialport,chardev=vdagent");
  drop(words, "-spice", "");
  drop(words, "-global", "qxl-vga");
  replace(words, "qxl-vga,id=vga,max_outputs=4,", "VGA,id=vga,");
}

Words as_ours(Words words) {
  drop(words, "-id", "");
  words.erase(std::remove(words.begin(), words.end(), "-no-shutdown"), words.end());
  drop(words, "-chardev", "socket,id=qmp-event");
  drop(words, "-mon", "chardev=qmp-event");
  replace(words, "/usr/bin/kvm", "/usr/bin/qemu-system-x86_64");
  replace(words, "/var/run/qemu-server", kRun);
  replace(words, ",splash=/usr/share/qemu-server/bootsplash.jpg", "");
  replace(words,
          "script=/usr/libexec/qemu-server/pve-bridge,downscript=/usr/libexec/qemu-server/pve-bridgedown",
          "script=no,downscript=no");
  replace(words, "/usr/share/pve-edk2-firmware//OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_CODE_4M.fd");
  replace(words, "/usr/share/pve-edk2-firmware//OVMF_CODE.fd", "/usr/share/OVMF/OVMF_CODE_4M.fd");
  replace(words, "/tmp/210-ovmf.fd,size=131072", std::string(kRun) + "/210.ovmf.fd");
  replace_q35_file(words);
  without_spice(words);
  auto& machine = *(std::find(words.begin(), words.end(), "-machine") + 1);
  machine = replace_all(machine, "+pve0", "");
  if (!contains(machine, "accel=")) machine = "accel=kvm," + machine;
  return words;
}

std::vector<test::CommandLineCase> recorded_cases() {
  auto cases = test::command_line_cases();
  std::erase_if(cases, [](const auto& one) { return test::recorded_command(one.name).empty(); });
  return cases;
}

class RecordedCommandLine : public testing::TestWithParam<test::CommandLineCase> {};

TEST_P(RecordedCommandLine, IsWhatProxmoxRunsButForTheListedDifferences) {
  EXPECT_EQ(join(command_of(GetParam()), "\n"), join(as_ours(test::recorded_command(GetParam().name)), "\n"));
}

std::string case_name(const testing::TestParamInfo<test::CommandLineCase>& one) {
  std::string name = one.param.name;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Golden, CommandLine, testing::ValuesIn(test::command_line_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(Golden, RecordedCommandLine, testing::ValuesIn(recorded_cases()), case_name);

TEST(CommandLineCases, HoldTheElevenRecordedOnesAndTenErrors) {
  const auto cases = test::command_line_cases();
  EXPECT_EQ(recorded_cases().size(), 11U);
  EXPECT_GE(std::count_if(cases.begin(), cases.end(),
                          [](const auto& c) { return c.headers.count("EXPECT_ERROR"); }),
            10);
}

TEST(SplitWords, QuotesLikeAShellWithoutExpanding) {
  EXPECT_EQ(split_words(R"(-a "b c" 'd "e' f\ g $HOME "")"),
            (Words{"-a", "b c", "d \"e", "f g", "$HOME", ""}));
  EXPECT_TRUE(split_words("  ").empty());
}

TEST(PciAddress, NoTwoDevicesShareAPlace) {
  // scsihw0 and pci.3 do: no machine has both.
  std::vector<std::string> ids = {"vga",     "balloon0", "watchdog", "scsihw0", "scsihw1", "ahci0",
                                  "qga0",    "spice",    "pci.1",    "pci.2",   "rng0",    "audio0",
                                  "scsihw2", "scsihw3",  "scsihw4",  "pci.4"};
  for (int i = 0; i < 32; ++i) ids.push_back("net" + std::to_string(i));
  for (int i = 0; i < 16; ++i) ids.push_back("virtio" + std::to_string(i));
  for (int i = 0; i < 31; ++i) ids.push_back("virtioscsi" + std::to_string(i));
  std::vector<std::string> places;
  for (const auto& id : ids) places.push_back(pci_address(id));
  std::sort(places.begin(), places.end());
  EXPECT_EQ(std::adjacent_find(places.begin(), places.end()), places.end());
  EXPECT_THROW(pci_address("net32"), Error);
}

TEST(Devices, DriveAndNetPrintInProxmoxsOrder) {
  EXPECT_EQ(parse_drive("virtio0", "local:1/a.raw,size=1G,iothread=1,discard=on").print(),
            "local:1/a.raw,discard=on,iothread=1,size=1G");
  EXPECT_EQ(parse_net("net0", "bridge=vmbr0,model=virtio,macaddr=AA:BB:CC:00:11:22,tag=7").print(),
            "virtio=AA:BB:CC:00:11:22,bridge=vmbr0,tag=7");
  EXPECT_TRUE(parse_drive("ide2", "none").is_cdrom());
  EXPECT_TRUE(parse_drive("ide2", "local:100/vm-100-cloudinit.qcow2,media=cdrom").is_cloudinit());
  EXPECT_THROW(parse_drive("ide2", "media=cdrom"), Error);
}

TEST(HostFacts, KvmNeedsTheDeviceAndTheProcessor) {
  std::string reason;
  EXPECT_TRUE(kvm_works(true, "processor: 0\nflags\t: fpu vmx sse\n", reason));
  EXPECT_TRUE(kvm_works(true, "x\nflags\t: fpu svm\n", reason));
  EXPECT_FALSE(kvm_works(true, "x\nflags\t: fpu vmxx\n", reason));
  EXPECT_EQ(reason, "the processor shows neither vmx nor svm");
  EXPECT_FALSE(kvm_works(false, "x\nflags\t: vmx\n", reason));
  EXPECT_EQ(reason, "/dev/kvm cannot be opened");
}

}  // namespace
}  // namespace hlid::node::qemu
