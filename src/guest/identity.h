#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The program inside an instant machine that turns the template's running copy into this very machine. It is
/// linked statically and knows nothing of the rest of the project: the node writes the file it reads.
namespace hlid::guest {

struct HostKey {
  std::string kind;         ///< rsa, ecdsa, ed25519
  std::string private_key;  ///< OpenSSH text
  std::string public_key;   ///< one line
};

/// Who this machine is: the file `hlid-identity` on its own cloud-init drive, beside the NoCloud files that a
/// cold boot would use and made from the same values. Lines "key value"; values are percent-encoded; lists
/// repeat their key.
struct Identity {
  std::string instance_id;
  std::string hostname;
  std::string fqdn;
  std::string machine_id;  ///< 32 hexadecimal digits
  std::string uuid;  ///< SMBIOS UUID, lower case; the kernel read the template's. Key "uuid"; may be empty
  std::string user;  ///< has to be the template's
  std::string password_hash;
  std::vector<std::string> authorized_keys;
  std::vector<HostKey> host_keys;
  std::string mac;      ///< lower case
  std::string address;  ///< "10.10.10.101/24"
  std::string gateway;
  std::vector<std::string> dns;
  std::vector<std::string> search;
};

/// nullopt with a reason in `why` for anything that is not a complete version 1 file. At most 256 KiB.
std::optional<Identity> parse_identity(std::string_view text, std::string& why);

}  // namespace hlid::guest
