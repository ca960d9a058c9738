#include "template/sshd_config.h"

#include <gtest/gtest.h>

namespace hlid::templates {
namespace {

SshdSettings settings_of(const std::map<std::string, std::string>& files) {
  return effective_sshd_settings(
      {.read =
           [&](const std::string& path) {
             const auto found = files.find(path);
             return found == files.end() ? std::nullopt : std::optional(found->second);
           },
       .list =
           [&](const std::string& folder) {
             std::vector<std::string> names;
             for (const auto& [path, text] : files)
               if (path.starts_with(folder + "/") && path.find('/', folder.size() + 1) == std::string::npos)
                 names.push_back(path.substr(folder.size() + 1));
             return names;
           }});
}

// sshd_config(5): "For each keyword, the first obtained value will be used."
TEST(SshdConfig, TheFirstValueWinsAcrossIncludedFiles) {
  const auto settings =
      settings_of({{"/etc/ssh/sshd_config",
                    "Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication yes\nPort 22\n"},
                   {"/etc/ssh/sshd_config.d/10-ours.conf", "Port 2222\nPasswordAuthentication no\n"},
                   {"/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication yes\n"},
                   {"/etc/ssh/sshd_config.d/60-other.txt", "PermitRootLogin yes\n"}});
  EXPECT_EQ(settings.at("passwordauthentication"), "no");
  EXPECT_EQ(settings.at("port"), "2222 22");  // every Port counts: sshd would listen on both
  EXPECT_FALSE(settings.contains("permitrootlogin"));
}

TEST(SshdConfig, IgnoresCommentsAndConditionalParts) {
  const auto settings =
      settings_of({{"/etc/ssh/sshd_config",
                    "# PermitRootLogin yes\n  PermitRootLogin=no # never\n\nMatch User bob\n"
                    "  PasswordAuthentication yes\nMatch all\nX11Forwarding no\n"}});
  EXPECT_EQ(settings.at("permitrootlogin"), "no");
  EXPECT_FALSE(settings.contains("passwordauthentication"));
  EXPECT_EQ(settings.at("x11forwarding"), "no");
}

TEST(SshdConfig, EndsWhenFilesIncludeThemselves) {
  const auto settings = settings_of({{"/etc/ssh/sshd_config", "Include sshd_config\nPort 1\n"}});
  EXPECT_TRUE(settings.at("port").starts_with("1"));
}

}  // namespace
}  // namespace hlid::templates
