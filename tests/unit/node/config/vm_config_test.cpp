#include "node/config/vm_config.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "support/golden.h"
#include "sys/files.h"

namespace hlid::node::config {
namespace {

std::string recorded(const std::string& name) {
  return sys::read_file(test::golden_path("vmconf/" + name));
}

class Recorded : public testing::TestWithParam<const char*> {};

// Files written by the real Proxmox print back byte for byte.
TEST_P(Recorded, PrintsBack) {
  const std::string text = recorded(GetParam());
  EXPECT_EQ(print_vm_config(parse_vm_config(text)), text);
}

INSTANTIATE_TEST_SUITE_P(VmConfig, Recorded,
                         testing::Values("100-pending.conf.txt", "100.conf.txt", "103.conf.txt",
                                         "110.conf.txt", "113-snapshots.conf.txt", "113.conf.txt"));

TEST(VmConfig, KnowsItsSections) {
  const VmConfig config = parse_vm_config(recorded("100-pending.conf.txt"));
  EXPECT_EQ(config.get("description"),
            "hello: world\n100% \xc3\xbc"
            "ber");
  EXPECT_EQ(config.get("memory"), "192");
  EXPECT_EQ(config.pending.get("memory"), "256");
  ASSERT_NE(config.find_special("cloudinit"), nullptr);
  EXPECT_EQ(config.find_special("cloudinit")->get("name"), "web-1");
  const VmConfig other = parse_vm_config(recorded("113-snapshots.conf.txt"));
  ASSERT_EQ(other.snapshots.size(), 2U);
  EXPECT_EQ(other.find_snapshot("before")->get("description"), "changed");
}

TEST(VmConfig, ABlankValueStaysABlank) {
  EXPECT_EQ(parse_vm_config("boot: \n").get("boot", "absent"), " ");
  EXPECT_EQ(parse_vm_config("boot:\n").get("boot", "absent"), "absent");
}

TEST(VmConfig, PendingDeletionsRoundTrip) {
  const std::string text = "memory: 64\n\n[PENDING]\ncores: 2\ndelete: !scsi0,net1\nname: x\n";
  const VmConfig config = parse_vm_config(text);
  ASSERT_NE(config.deletion("scsi0"), nullptr);
  EXPECT_TRUE(config.deletion("scsi0")->force);
  EXPECT_FALSE(config.deletion("net1")->force);
  EXPECT_EQ(parse_vm_config(print_vm_config(config)), config);
}

TEST(VmConfig, LeavesOutWhatItDoesNotUnderstand) {
  const VmConfig config =
      parse_vm_config("Memory: 3\n[no/such]\ncores: 9\n[PENDING]\ncores: 4\nrubbish\n:\n: x\n");
  EXPECT_TRUE(config.main.empty());
  EXPECT_EQ(config.pending.get("cores"), "4");
}

TEST(VmConfig, CommentsEscapeWhatTheFileCannotHold) {
  EXPECT_EQ(encode_comment("a:b%c\x01\xc3\xa9"), "a%3Ab%25c%01%C3%A9");
  EXPECT_EQ(decode_comment("a%3Ab%25c%zz%4"), "a:b%c%zz%4");
}

rc::Gen<std::string> key() {
  return rc::gen::map(
      rc::gen::pair(rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', 'z'))),
                    rc::gen::inRange(0, 40)),
      [](const auto& parts) { return parts.first + std::to_string(parts.second); });
}
rc::Gen<std::string> value() {
  return rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('!', '~')));
}
rc::Gen<Section> section() {
  return rc::gen::map(
      rc::gen::container<std::vector<std::pair<std::string, std::string>>>(rc::gen::pair(key(), value())),
      [](const auto& pairs) {
        Section out;
        for (const auto& [k, v] : pairs) {
          if (k != "delete" && k != "description") out.set(k, v);
        }
        return out;
      });
}

RC_GTEST_PROP(VmConfigProperty, ParseIsTheInverseOfPrint, ()) {
  VmConfig config;
  config.main = *section();
  config.pending = *section();
  if (*rc::gen::arbitrary<bool>()) config.main.set("description", *value() + "\n" + *value());
  if (*rc::gen::arbitrary<bool>()) config.add_deletion(*key(), *rc::gen::arbitrary<bool>());
  if (const Section s = *section(); !s.empty()) config.snapshots.push_back({"before", s});
  if (const Section s = *section(); !s.empty()) config.special_section("cloudinit") = s;
  RC_ASSERT(parse_vm_config(print_vm_config(config)) == config);
}

RC_GTEST_PROP(VmConfigProperty, AnyTextSettlesAfterOneRound, (const std::string& text)) {
  const VmConfig once = parse_vm_config(print_vm_config(parse_vm_config(text)));
  RC_ASSERT(parse_vm_config(print_vm_config(once)) == once);
}

}  // namespace
}  // namespace hlid::node::config
