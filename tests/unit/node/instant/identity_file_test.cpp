#include "node/instant/identity_file.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "node/instant/records.h"
#include "sys/files.h"
#include "sys/process.h"

namespace hlid::node::instant {
namespace {

guest::Identity machine() {
  guest::Identity identity;
  identity.instance_id = "4f1c";
  identity.hostname = "lab-master-1";
  identity.fqdn = "lab-master-1.lab";
  identity.machine_id = std::string(32, 'a');
  identity.uuid = "11111111-2222-3333-4444-555555555555";
  identity.user = "odin";
  identity.password_hash = "$5$salt$h a%sh";
  identity.authorized_keys = {"ssh-ed25519 AAAA one 100%", "ssh-rsa BBBB two"};
  identity.host_keys = {{"ed25519", "-----BEGIN\nx y\n-----END\n", "ssh-ed25519 CCCC lab-master-1"}};
  identity.mac = "bc:24:11:00:00:05";
  identity.address = "10.10.10.101/24";
  identity.gateway = "10.10.10.1";
  identity.dns = {"10.10.10.1", "1.1.1.1"};
  identity.search = {"lab"};
  return identity;
}

TEST(IdentityFile, TheGuestReadsWhatTheNodeWrites) {
  const auto wanted = machine();
  std::string why;
  const auto read = guest::parse_identity(print_identity(wanted), why);
  ASSERT_TRUE(read.has_value()) << why;
  EXPECT_EQ(print_identity(*read), print_identity(wanted));
  EXPECT_EQ(read->host_keys.at(0).private_key, wanted.host_keys.at(0).private_key);
  EXPECT_EQ(read->authorized_keys, wanted.authorized_keys);
  EXPECT_EQ(read->password_hash, wanted.password_hash);
  EXPECT_EQ(read->uuid, wanted.uuid);
}

TEST(IdentityFile, VendorDataCarriesTheKeys) {
  EXPECT_EQ(vendor_data(machine().host_keys),
            "#cloud-config\nssh_keys:\n  ed25519_private: |\n    -----BEGIN\n    x y\n    -----END\n"
            "  ed25519_public: ssh-ed25519 CCCC lab-master-1\n");
}

TEST(HostKeys, AreMadeOfTheKindsThatServersUse) {
  sys::PosixProcessRunner runner;
  const auto keys = make_host_keys(runner, "lab-master-1");
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[0].kind, "ed25519");
  EXPECT_TRUE(keys[0].public_key.starts_with("ssh-ed25519 AAAA"));
  EXPECT_TRUE(keys[1].public_key.ends_with("lab-master-1"));
  EXPECT_TRUE(contains(keys[1].private_key, "PRIVATE KEY"));
  EXPECT_NE(make_host_keys(runner, "x")[0].public_key, keys[0].public_key);
}

TEST(Records, AreKeptAndForgotten) {
  const sys::TempFolder folder;
  const Records records(folder.path() / "instant");
  constexpr Vmid k100{100};
  EXPECT_FALSE(records.find(k100).has_value());
  const Record record{Stage::resuming, "local:100/vm-100-disk-0.qcow2", "/images/base.raw", "raw", false};
  records.write(k100, record);
  records.write_host_keys(k100, machine().host_keys);
  EXPECT_EQ(records.find(k100), record);
  EXPECT_EQ(records.all(), std::vector<Vmid>{k100});
  EXPECT_EQ(records.host_keys(k100).at(0).private_key, machine().host_keys.at(0).private_key);
  records.remove(k100);
  EXPECT_FALSE(records.find(k100).has_value());
  EXPECT_EQ(records.host_keys(k100).size(), 1U);
  records.forget(k100);
  EXPECT_TRUE(records.host_keys(k100).empty());
}

TEST(Records, AFileThatSaysNothingIsNone) {
  const sys::TempFolder folder;
  const Records records(folder.path());
  for (const char* text : {"", "rubbish", "[]", "{}", R"({"stage":"odd"})"}) {
    sys::write_durable(folder.path() / "100", text);
    EXPECT_FALSE(records.find(Vmid{100}).has_value()) << text;
  }
}

}  // namespace
}  // namespace hlid::node::instant
