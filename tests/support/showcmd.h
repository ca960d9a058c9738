// The golden pairs of tests/golden/cmdline: X.conf (a machine's configuration, headed by comments that say
// what the host is like), X.argv (one argument a line), and recorded/X.txt (what Proxmox's own `qm showcmd`
// printed).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hlid::test {

struct CommandLineCase {
  std::string name;
  std::string config_text;
  std::map<std::string, std::string> headers;  // "KVM" -> "0", "EXPECT_ERROR" -> …

  std::string header(const std::string& key, const std::string& fallback) const;
};

/// Every X.conf, by name.
std::vector<CommandLineCase> command_line_cases();
/// The words of recorded/NAME.txt's command; empty when nothing was recorded under that name.
std::vector<std::string> recorded_command(const std::string& name);
/// "local:200/vm-200-disk-0.raw" -> "/var/lib/vz/images/200/vm-200-disk-0.raw", as the recordings have it.
std::string recorded_path(std::string_view volume);
std::string recorded_format(std::string_view volume);

}  // namespace hlid::test
