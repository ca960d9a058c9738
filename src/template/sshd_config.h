#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hlid::templates {

/// What sshd would go by: sshd_config(5) as sshd reads it. The first value of a keyword wins, Include takes
/// files in the order of their names, and what stands under a Match is not for everybody and left out.
/// Keywords are in lower case; Port and HostKey, which may come several times, are joined by blanks.
using SshdSettings = std::map<std::string, std::string>;

struct SshdFiles {
  std::function<std::optional<std::string>(const std::string& path)> read;
  std::function<std::vector<std::string>(const std::string& folder)> list;  ///< names, sorted
};

SshdSettings effective_sshd_settings(const SshdFiles& files,
                                     const std::string& path = "/etc/ssh/sshd_config");

}  // namespace hlid::templates
