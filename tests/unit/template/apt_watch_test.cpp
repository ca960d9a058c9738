#include "template/apt_watch.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace hlid::templates {
namespace {

// Lines as apt 2.6, dpkg 1.21 and mmdebstrap 1.3.5 print them.

Error failure_of(const std::vector<std::string>& lines) {
  AptWatch watch([](const std::string&) {});
  for (const auto& line : lines) watch.on_line(line);
  return watch.failure(find_release("ubuntu-24.04"), "exited with 1");
}

TEST(AptWatch, CountsPackagesAndTellsEachChangeOnce) {
  std::vector<std::string> told;
  AptWatch watch([&](const std::string& text) { told.push_back(text); });
  for (const auto* line :
       {"I: automatically chosen mode: root",
        "0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.",
        "Get:1 http://archive.example noble/main amd64 base-files amd64 13ubuntu10 [73.4 kB]",
        "Unpacking base-files (13ubuntu10) ...", "Setting up base-files (13ubuntu10) ...",
        "Processing triggers for libc-bin (2.39-0ubuntu8) ...",
        "0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.", "Setting up vim (2:9.1) ..."})
    watch.on_line(line);
  EXPECT_EQ(told, (std::vector<std::string>{"asking the package archive", "0 packages fetched",
                                            "1 packages fetched", "1 of 2 packages installed",
                                            "1 of 3 packages installed", "2 of 3 packages installed"}));
}

TEST(AptWatch, NamesThePackageThatIsNotThere) {
  const auto unknown =
      failure_of({"Building dependency tree...", "E: Unable to locate package nosuchpkg-x",
                  "E: setup failed: E: apt-get -o Dir::Bin::dpkg=env failed", "E: mmdebstrap failed to run"});
  EXPECT_EQ(unknown.code(), Errc::spec);
  EXPECT_STREQ(unknown.what(), "package 'nosuchpkg-x' is not in the archive of Ubuntu 24.04");
  const auto no_candidate = failure_of({"E: Package 'snapd-x' has no installation candidate"});
  EXPECT_TRUE(contains(no_candidate.what(), "'snapd-x'"));
  const auto version = failure_of({"E: Version '9' for 'vim' was not found"});
  EXPECT_TRUE(contains(version.what(), "'vim'"));
}

TEST(AptWatch, NamesTheAddressThatDoesNotAnswer) {
  const auto error =
      failure_of({"Err:1 http://127.0.0.1:9/debian bookworm InRelease",
                  "  Could not connect to 127.0.0.1:9 (127.0.0.1). - connect (111: Connection refused)",
                  "E: Failed to fetch http://127.0.0.1:9/debian/dists/bookworm/InRelease  Could not connect "
                  "to 127.0.0.1:9 "
                  "(127.0.0.1). - connect (111: Connection refused)",
                  "E: Some index files failed to download. They have been ignored, or old ones used instead.",
                  "E: mmdebstrap failed to run"});
  EXPECT_EQ(error.code(), Errc::failed);
  EXPECT_TRUE(contains(error.what(), "'http://127.0.0.1:9/debian/dists/bookworm/InRelease'")) << error.what();
  EXPECT_TRUE(contains(error.what(), "Connection refused"));
  EXPECT_TRUE(contains(error.hint(), "template: mirror"));
}

TEST(AptWatch, SaysWhenTheArchiveIsNotTrusted) {
  const auto error =
      failure_of({"W: GPG error: http://archive.example noble InRelease: The following signatures couldn't "
                  "be verified because "
                  "the public key is not available: NO_PUBKEY 871920D1991BC93C",
                  "E: The repository 'http://archive.example noble InRelease' is not signed."});
  EXPECT_TRUE(contains(error.what(), "is not signed by a key that is trusted")) << error.what();
}

TEST(AptWatch, NamesThePackageThatDpkgCouldNotInstall) {
  const auto error = failure_of(
      {"dpkg: error processing package broken-pkg (--configure):",
       " installed broken-pkg package post-installation script subprocess returned error exit status 1",
       "Errors were encountered while processing:", " broken-pkg",
       "E: Sub-process env returned an error code (1)"});
  EXPECT_TRUE(contains(error.what(), "'broken-pkg'")) << error.what();
}

TEST(AptWatch, ExplainsMissingUserNamespaces) {
  const auto error = failure_of({"unshare: unshare failed: Operation not permitted"});
  EXPECT_EQ(error.code(), Errc::precondition);
  EXPECT_TRUE(contains(error.hint(), "uidmap"));
}

TEST(AptWatch, OtherwiseGivesTheFirstErrorLine) {
  EXPECT_STREQ(failure_of({"I: fine", "E: something new"}).what(), "mmdebstrap E: something new");
  EXPECT_STREQ(failure_of({}).what(), "mmdebstrap exited with 1");
}

}  // namespace
}  // namespace hlid::templates
