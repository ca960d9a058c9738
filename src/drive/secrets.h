#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "model/homelab.h"
#include "sys/process.h"

namespace hlid::drive {

/// Resolves references to secrets where they are used: "env:NAME", "file:PATH" (its text without the final
/// newline; "~/" is the home folder), "cmd:PROGRAM ARGUMENTS" (its output; split at blanks, quotes '…' and
/// "…" keep them; no shell).
class Secrets {
 public:
  using Variable = std::function<std::optional<std::string>(const std::string&)>;

  explicit Secrets(sys::ProcessRunner& runner, Variable variable = {});

  /// Throws Error(precondition) that names `what` when there is nothing behind the reference.
  Secret get(const model::SecretRef& reference, const std::string& what) const;
  /// nullopt for an unset variable or a missing file; a command that fails is thrown.
  std::optional<Secret> find(const model::SecretRef& reference) const;

 private:
  Secret of_command(const std::string& text) const;

  sys::ProcessRunner& runner_;
  Variable variable_;
};

/// Splits at blanks as described above. Throws Error(usage) for an open quote.
std::vector<std::string> split_argv(const std::string& text);
/// "~/x" as an absolute path.
std::string expand_home(const std::string& path);

}  // namespace hlid::drive
