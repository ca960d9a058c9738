#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/fake_rke2/api.h"

namespace hlid::fake_rke2 {

/// A command line of kubectl, taken apart.
struct KubectlOptions {
  std::vector<std::string> words;  ///< "get", "nodes", …
  std::map<std::string, std::vector<std::string>> flags;
  static KubectlOptions parse(const std::vector<std::string>& arguments);

  bool has(const std::string& flag) const { return flags.contains(flag) && flags.at(flag).back() != "false"; }
  std::string value(const std::string& flag, const std::string& otherwise = {}) const;
  std::string ns() const { return value("namespace", "default"); }
};

/// "90s", "5m", "1h", "0" (for ever, nullopt), or bare seconds.
std::optional<std::chrono::milliseconds> parse_duration(const std::string& text);

/// Ends `kubectl` with 1 after printing the text on standard error.
struct KubectlFailure : std::exception {
  explicit KubectlFailure(std::string given) : text(std::move(given)) {}
  std::string text;
  const char* what() const noexcept override { return text.c_str(); }
};

/// The resource of a word, or the failure that the server does not have it.
const Resource& demand_resource(const std::string& word);

void kubectl_get(Api& api, const KubectlOptions& options);
/// cordon, uncordon, drain, delete, label, annotate, taint, apply, create, patch-free changes, wait.
bool kubectl_change(Api& api, const KubectlOptions& options);

}  // namespace hlid::fake_rke2
