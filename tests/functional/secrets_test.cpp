// A planted secret must never be found again: not in what is printed, not in a file under HLID_HOME. Of a
// node, because that is where everything ends; no machine runs.
#include <gtest/gtest.h>

#include "support/lab.h"

namespace hlid::test {
namespace {

constexpr const char* kPassword = "gungnir-never-misses-42";
constexpr const char* kToken = "root@pam!ci=5e0c4a1d-0000-4000-8000-5ec7e75ec7e7";
constexpr const char* kTokenSecret = "5e0c4a1d-0000-4000-8000-5ec7e75ec7e7";

std::string lab_file(const std::string& proxmox) {
  return R"(apiVersion: hlid/v1
name: demo
proxmox: {node: asgard, storage: local-zfs, iso_storage: local, bridge: vmbr0)" +
         proxmox + R"(}
network: {cidr: 10.10.10.0/24, gateway: 10.10.10.1, dns: [10.10.10.1]}
template: {name: base-1, vmid: 9000, os: debian-12}
access: {user: odin, console_password: "env:PLANTED", authorized_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJfkNV4OS33ImTXvorZr72q4v5XhVEQKfvqsxOEJ/XaR odin"]}
machines:
  - {group: web, vmid: 101, address: 10.10.10.11, cores: 1, memory: 1GiB, disk: 10GiB}
)";
}

TEST(Secrets, OfTheHomelabFileAreNeverPrintedOrKept) {
  Lab lab("secret");
  lab.set_env("PLANTED", kPassword);
  const auto path = lab.write("homelab.yaml", lab_file("")).string();
  for (const char* command : {"plan", "status", "doctor"}) {
    lab.hlid({command, "-f", path});
    lab.hlid({command, "-f", path, "--json"});
  }
  EXPECT_NE(lab.transcript(), "");
  EXPECT_EQ(lab.where(kPassword), std::vector<std::string>{});
}

TEST(Secrets, OfATokenAreNotInTheErrorOfARefusedConnection) {
  Lab lab("token");
  lab.set_env("PLANTED", kPassword);
  lab.set_env("TOKEN", kToken);
  const auto path =
      lab.write("homelab.yaml", lab_file(", endpoint: \"https://127.0.0.1:9\", token: \"env:TOKEN\""))
          .string();
  for (const char* command : {"plan", "up", "status", "destroy"}) lab.hlid({command, "-f", path, "--json"});
  EXPECT_NE(lab.transcript(), "");
  EXPECT_EQ(lab.where(kTokenSecret), std::vector<std::string>{});
}

}  // namespace
}  // namespace hlid::test
