#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hlid::node::auth {

/// Signed proofs of a login in Proxmox's shape: `PVE:USER@REALM:TIME::SIGNATURE` and the token against forged
/// requests that goes with it, `TIME:HMAC` (TIME is %08X; pve-access-control, AccessControl.pm
/// assemble_ticket, assemble_csrf_prevention_token). Valid two hours, and five minutes ahead for clocks that
/// differ. Thread-safe.
class Tickets {
 public:
  /// Reads the RSA key, or makes it (0600).
  explicit Tickets(const std::filesystem::path& key_file);
  ~Tickets();

  std::string sign(const std::string& user, std::int64_t now) const;
  /// The user of a valid ticket.
  std::optional<std::string> check(std::string_view ticket, std::int64_t now) const;
  std::string csrf_token(const std::string& user, std::int64_t now) const;
  bool check_csrf(std::string_view token, const std::string& user, std::int64_t now) const;

 private:
  struct Key;
  std::unique_ptr<Key> key_;
};

/// Equal, in a time that depends on the lengths only.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace hlid::node::auth
