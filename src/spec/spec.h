#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"
#include "base/json.h"
#include "model/homelab.h"

/// The homelab file: YAML text to model::Homelab, with everything that is wrong with it said at once. Pure:
/// what it must read of the world (key files, environment variables) is asked of `World`.
namespace hlid::spec {

/// What the file may refer to.
struct World {
  /// The text of a file, nullopt when it cannot be read. Paths come with "~" already replaced by `home`.
  std::function<std::optional<std::string>(const std::string& path)> read_file;
  std::function<std::optional<std::string>(const std::string& name)> variable;
  std::string home;
  /// A missing ~/.ssh/id_*.pub is a warning and listed in `missing_keys`, because the caller makes such keys;
  /// else it is an error.
  bool keys_can_be_made = false;
  /// The first TCP port that this user's programs may listen on; 0: any. A published port below is warned of.
  int first_port = 0;
};

struct Result {
  model::Homelab homelab;  ///< only to be used when there are no errors
  Diagnostics diagnostics;
  std::vector<std::string> missing_keys;  ///< public key files (absolute) that do not exist; see World
  bool ok() const { return !diagnostics.has_errors(); }
};

/// `file` is the name used in diagnostics. Never throws for what the text holds.
Result read(std::string_view text, const std::string& file, const World& world);

/// JSON Schema (draft 2020-12) of the file, for editors.
json::value schema();
/// The reference of the file format in Markdown (docs/file.md).
std::string reference();

}  // namespace hlid::spec
