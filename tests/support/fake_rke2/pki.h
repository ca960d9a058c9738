#pragma once
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

/// Keys and certificates (ECDSA P-256) in files, and the cryptography of tokens and bootstrap data.
namespace hlid::fake_rke2 {

struct Pem {
  std::string certificate, key;
};

struct Subject {
  std::string common_name;
  std::string organisation = {};
  std::vector<std::string> names = {};  ///< alternative names: DNS or addresses
};

Pem make_authority(const std::string& common_name);
/// For clients and servers alike; valid for 365 days, or as the fault certificate_days says.
Pem issue(const Pem& authority, const Subject& subject);

struct CertificateFacts {
  std::string subject, organisation, issuer;
  std::time_t not_before = 0, not_after = 0;
  std::vector<std::string> names;
};
/// Throws Error(protocol) when it is not PEM.
CertificateFacts inspect(const std::string& certificate_pem);

bool signed_by(const std::string& certificate_pem, const std::string& authority_pem);

/// "<stem>.crt" and "<stem>.key" (0600).
void store(const Pem& pem, const std::filesystem::path& stem);
Pem load(const std::filesystem::path& stem);
bool stored(const std::filesystem::path& stem);

std::string random_hex(std::size_t bytes);
/// AES-256-GCM with a key made of the passphrase (PBKDF2): salt, nonce, tag, text; in base64.
std::string encrypt(const std::string& text, const std::string& passphrase);
/// Throws Error(denied) when the passphrase is another.
std::string decrypt(const std::string& base64, const std::string& passphrase);

}  // namespace hlid::fake_rke2
