#include "node/vm/cloudinit.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/golden.h"
#include "sys/files.h"
#include "wire/api_error.h"

namespace hlid::node::vm {
namespace {

namespace fs = std::filesystem;

const HostDns kRecordedHost{{"10.255.255.53"}, ""};

class RecordedDrive : public testing::TestWithParam<const char*> {};

// Files and contents of the drives that the real Proxmox made.
TEST_P(RecordedDrive, IsMadeByteForByte) {
  const fs::path folder = test::golden_path(std::string("cloudinit/") + GetParam());
  std::map<std::string, std::string> expected;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = fs::relative(entry.path(), folder).string();
    if (entry.is_regular_file() && name != "_conf.txt") expected[name] = sys::read_file(entry.path());
  }
  const auto config = config::parse_vm_config(sys::read_file(folder / "_conf.txt"));
  const CloudInitDrive drive = cloudinit_drive(Vmid{220}, config.main, kRecordedHost);
  EXPECT_EQ(drive.files, expected);
}

INSTANTIATE_TEST_SUITE_P(CloudInit, RecordedDrive,
                         testing::Values("configdrive2", "dhcp", "dual-two-nics", "nothing", "opennebula",
                                         "root-noupgrade", "static"));

TEST(CloudInit, LabelsByKind) {
  config::Section values;
  EXPECT_EQ(cloudinit_drive(Vmid{100}, values, {}).label, "cidata");
  values.set("ostype", "win11");
  EXPECT_EQ(cloudinit_drive(Vmid{100}, values, {}).label, "config-2");
  values.set("citype", "opennebula");
  EXPECT_EQ(cloudinit_drive(Vmid{100}, values, {}).label, "CONTEXT");
}

// Recording 180: a name without a domain gets the search domain.
TEST(CloudInit, FqdnTakesTheSearchDomain) {
  config::Section values;
  values.set("name", "web-1");
  values.set("searchdomain", "lab.example");
  const std::string user = cloudinit_file(Vmid{100}, values, {}, "user");
  EXPECT_NE(user.find("hostname: web-1\n"), std::string::npos);
  EXPECT_NE(user.find("fqdn: web-1.lab.example\n"), std::string::npos);
}

TEST(CloudInit, AnyChangeIsANewInstance) {
  config::Section values;
  const std::string before = cloudinit_file(Vmid{100}, values, {}, "meta");
  values.set("ciuser", "odin");
  EXPECT_NE(cloudinit_file(Vmid{100}, values, {}, "meta"), before);
}

TEST(CloudInit, HostsResolver) {
  const HostDns dns =
      parse_resolv_conf("# c\nnameserver 1.1.1.1\nsearch lab.example x\nnameserver ::1\noptions a\n");
  EXPECT_EQ(dns.servers, (std::vector<std::string>{"1.1.1.1", "::1"}));
  EXPECT_EQ(dns.search_domain, "lab.example");
}

TEST(CloudInit, SshKeysAreChecked) {
  constexpr const char* kKey =
      "ssh-ed25519%20AAAAC3NzaC1lZDI1NTE5AAAAIGGpDM7ZpSGQZ5Y6vv4DvTTYtDJHjMFK9mUfnF1o0Cbx%20user%40laptop%0A";
  EXPECT_NO_THROW(check_ssh_keys(kKey));
  EXPECT_NO_THROW(check_ssh_keys(""));
  for (const char* bad : {"nonsense", "ssh-rsa%20AAAA", "ssh-ed25519%20%25%25",
                          "ssh-rsa%20AAAAC3NzaC1lZDI1NTE5AAAAIGGpDM7ZpSGQZ5Y6vv4DvTTYtDJHjMFK9mUfnF1o0Cbx"}) {
    try {
      check_ssh_keys(bad);
      ADD_FAILURE() << bad;
    } catch (const wire::ApiError& error) {
      EXPECT_EQ(error.status(), 500);
      EXPECT_EQ(error.reason(), "SSH public key validation error");
    }
  }
}

}  // namespace
}  // namespace hlid::node::vm
