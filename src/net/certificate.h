#pragma once
#include <string>
#include <vector>

namespace hlid::net {

struct KeyPair {
  std::string certificate_pem;
  std::string key_pem;  ///< keep in a 0600 file
};

/// A certificate authority of our own (ECDSA P-256, ten years).
KeyPair make_authority(const std::string& common_name);
/// A server certificate signed by it for DNS names and IP addresses (two years).
KeyPair make_certificate(const KeyPair& authority, const std::string& common_name,
                         const std::vector<std::string>& names);
/// Days until it expires, negative when it has.
int days_left(const std::string& certificate_pem);
/// SHA-256 fingerprint "AB:CD:…".
std::string fingerprint(const std::string& certificate_pem);

}  // namespace hlid::net
