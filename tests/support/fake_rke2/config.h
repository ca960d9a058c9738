#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/fake_rke2/layout.h"

/// The configuration of one run: the file, its drop-ins, the environment and the command line, merged as K3s
/// does it.
namespace hlid::fake_rke2 {

class Config {
 public:
  /// `arguments` are what follows "server", "agent" …. Reads the configuration file (--config,
  /// RKE2_CONFIG_FILE or the default) and the *.yaml and *.yml of "<file>.d" in their order: a later file
  /// replaces a key, `key+:` adds to it. The command line wins. Unknown keys of files are warned about and
  /// skipped, unknown flags of the command line throw Error(usage).
  static Config load(const std::vector<std::string>& arguments, bool server);

  std::optional<std::string> text(const std::string& key) const;
  std::string text(const std::string& key, const std::string& otherwise) const;
  /// All values; commas separate too.
  std::vector<std::string> list(const std::string& key) const;
  bool flag(const std::string& key) const;
  void set(const std::string& key, const std::string& value) { values_[key] = {value}; }
  /// What was neither flag nor value on the command line (names of snapshots).
  const std::vector<std::string>& words() const { return words_; }

  Layout layout() const;
  std::string node_name() const;  ///< node-name, or the host's name, in lower case
  std::string node_ip() const;    ///< node-ip, or the address of the default route's interface
  /// token, token-file, RKE2_TOKEN; the text without its line end.
  std::optional<std::string> token() const;
  std::optional<std::string> agent_token() const;
  const std::map<std::string, std::vector<std::string>>& values() const { return values_; }

 private:
  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> words_;
};

}  // namespace hlid::fake_rke2
