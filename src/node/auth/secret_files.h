#pragma once
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/secret.h"
#include "sys/entropy.h"

namespace hlid::node::auth {

/// A small 0600 file of "NAME SEPARATOR VALUE" lines (token.cfg, shadow.cfg), kept in memory. Not
/// thread-safe.
class SecretFile {
 public:
  SecretFile(std::filesystem::path file, char separator);
  std::optional<std::string> find(const std::string& name) const;
  void set(const std::string& name, const std::string& value);
  void remove(const std::string& name);
  /// All names that begin so ("terra@pve!").
  void remove_prefix(const std::string& prefix);

 private:
  void write() const;
  std::filesystem::path file_;
  char separator_;
  std::map<std::string, std::string> values_;
};

/// crypt(5) yescrypt with a fresh salt. Slow on purpose; one at a time, since each takes 16 MiB.
std::string hash_password(const Secret& password, sys::Random& random);
bool matches_password(const Secret& password, const std::string& hash);

}  // namespace hlid::node::auth
