#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "node/config/section_file.h"
#include "node/config/user_cfg.h"
#include "support/golden.h"
#include "sys/files.h"

namespace hlid::node::config {
namespace {

std::string recorded(const std::string& name) {
  return sys::read_file(test::golden_path("vmconf/" + name));
}

TEST(SectionFile, RecordedStorageCfgPrintsBack) {
  const std::string text = recorded("storage.cfg.txt");
  const SectionFile file = parse_section_file(text);
  ASSERT_NE(file.find("local"), nullptr);
  EXPECT_EQ(file.find("local")->type, "dir");
  EXPECT_EQ(*file.find("local")->find("path"), "/var/lib/vz");
  EXPECT_EQ(print_section_file(file), text);
}

TEST(SectionFile, FlagsCommentsAndRubbish) {
  const SectionFile file =
      parse_section_file("# c\ndir: a\n\tdisable\n\tpath  /x y \n\n  stray 1\nbad line\nzfspool: z\n");
  ASSERT_EQ(file.sections.size(), 2U);
  EXPECT_EQ(*file.find("a")->find("disable"), "");
  EXPECT_EQ(*file.find("a")->find("path"), "/x y");
}

TEST(UserCfg, RecordedFilePrintsBack) {
  const std::string text = recorded("user.cfg.txt");
  const UserCfg cfg = parse_user_cfg(text);
  EXPECT_EQ(cfg.users.at("terra@pve").first_name, "Terra");
  EXPECT_EQ(cfg.users.at("terra@pve").email, "t@example.com");
  EXPECT_FALSE(cfg.users.at("root@pam").tokens.at("full").privsep);
  EXPECT_TRUE(cfg.users.at("terra@pve").tokens.at("x2").privsep);
  ASSERT_EQ(cfg.acl.size(), 1U);
  EXPECT_EQ(cfg.acl[0], (AclEntry{"/", "terra@pve", "PVEAdmin", true}));
  EXPECT_EQ(cfg.roles.at("Provisioner").size(), 17U);
  EXPECT_EQ(print_user_cfg(cfg), text);
}

TEST(UserCfg, PoolsAndCommentsWithColons) {
  UserCfg cfg;
  cfg.users["a@pve"].comment = "x: y";
  cfg.pools["lab"] = PoolEntry{"the lab", {"100", "101"}, {"local"}};
  cfg.groups["ops"] = GroupEntry{{"a@pve"}, ""};
  cfg.acl.push_back({"/vms/100", "@ops", "PVEVMUser", false});
  EXPECT_EQ(parse_user_cfg(print_user_cfg(cfg)), cfg);
}

RC_GTEST_PROP(UserCfgProperty, AnyTextSettlesAfterOneRound, (const std::string& text)) {
  const UserCfg once = parse_user_cfg(print_user_cfg(parse_user_cfg(text)));
  RC_ASSERT(parse_user_cfg(print_user_cfg(once)) == once);
}

}  // namespace
}  // namespace hlid::node::config
