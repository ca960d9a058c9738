#include "image/iso.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/iso_reader.h"
#include "sys/files.h"

namespace hlid::image {
namespace {

TEST(Iso, HoldsWhatItWasGivenUnderRockRidgeNames) {
  const sys::TempFolder folder;
  const auto host_file = folder.path() / "artifact";
  sys::write_durable(host_file, std::string(300'000, 'x') + "end");
  const auto disc_path = folder.path() / "seed.iso";
  write_iso(disc_path, "cidata",
            {{"user-data", "#cloud-config\nhostname: a\n"},
             {"meta-data", "instance-id: 1\n"},
             {"empty", ""},
             {"openstack/latest/meta_data.json", "{}"},
             {"a-name-much-longer-than-thirty-one-characters.tar.zst", HostFile{host_file}}});

  const auto disc = test::read_iso(disc_path);
  EXPECT_EQ(disc.volume_id, "cidata");
  EXPECT_FALSE(disc.has_joliet);
  EXPECT_EQ(disc.files.size(), 5U);
  EXPECT_EQ(disc.files.at("user-data"), "#cloud-config\nhostname: a\n");
  EXPECT_EQ(disc.files.at("empty"), "");
  EXPECT_EQ(disc.files.at("openstack/latest/meta_data.json"), "{}");
  EXPECT_EQ(disc.files.at("a-name-much-longer-than-thirty-one-characters.tar.zst").size(), 300'003U);
}

TEST(Iso, IsTheSameForTheSameInput) {
  const sys::TempFolder folder;
  write_iso(folder.path() / "one", "cidata", {{"user-data", "x"}, {"meta-data", "y"}});
  write_iso(folder.path() / "two", "cidata", {{"user-data", "x"}, {"meta-data", "y"}});
  EXPECT_EQ(sys::read_file(folder.path() / "one"), sys::read_file(folder.path() / "two"));
}

TEST(Iso, RefusesNamesThatLeaveTheDisc) {
  const sys::TempFolder folder;
  for (const auto* name : {"../x", "/x", "a//b", "", "a/./b"})
    EXPECT_THROW(write_iso(folder.path() / "bad.iso", "cidata", {{name, "x"}}), Error) << name;
  EXPECT_THROW(write_iso(folder.path() / "bad.iso", std::string(33, 'v'), {}), Error);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Iso, LeavesNothingBehindWhenAFileIsMissingOrItIsStopped) {
  const sys::TempFolder folder;
  const auto path = folder.path() / "bad.iso";
  EXPECT_THROW(write_iso(path, "x", {{"a", HostFile{folder.path() / "absent"}}}), Error);
  std::stop_source source;
  source.request_stop();
  EXPECT_THROW(write_iso(path, "x", {{"a", std::string(1 << 20, 'b')}}, source.get_token()), Error);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace hlid::image
