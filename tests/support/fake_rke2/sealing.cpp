// The bootstrap data of a cluster (its authorities) lie in etcd, sealed with the token.
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/pki.h"

namespace hlid::fake_rke2 {
namespace {

constexpr std::size_t kSalt = 8, kNonce = 12, kTag = 16;

struct Context {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { EVP_CIPHER_CTX_free(context); }
};

unsigned char* bytes(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
const unsigned char* bytes(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string key_of(const std::string& passphrase, const std::string& salt) {
  std::string key(32, '\0');
  PKCS5_PBKDF2_HMAC(passphrase.data(), static_cast<int>(passphrase.size()), bytes(salt),
                    static_cast<int>(salt.size()), 4096, EVP_sha1(), static_cast<int>(key.size()),
                    bytes(key));
  return key;
}

}  // namespace

std::string encrypt(const std::string& text, const std::string& passphrase) {
  std::string salt(kSalt, '\0');
  std::string nonce(kNonce, '\0');
  std::string tag(kTag, '\0');
  std::string sealed(text.size(), '\0');
  RAND_bytes(bytes(salt), kSalt);
  RAND_bytes(bytes(nonce), kNonce);
  const auto key = key_of(passphrase, salt);
  const Context gcm;
  int size = 0;
  EVP_EncryptInit_ex(gcm.context, EVP_aes_256_gcm(), nullptr, bytes(key), bytes(nonce));
  EVP_EncryptUpdate(gcm.context, bytes(sealed), &size, bytes(text), static_cast<int>(text.size()));
  EVP_EncryptFinal_ex(gcm.context, bytes(sealed) + size, &size);
  EVP_CIPHER_CTX_ctrl(gcm.context, EVP_CTRL_GCM_GET_TAG, kTag, bytes(tag));
  return base64_encode(salt + nonce + tag + sealed);
}

std::string decrypt(const std::string& base64, const std::string& passphrase) {
  const auto all = base64_decode(base64);
  if (all.size() < kSalt + kNonce + kTag) throw Error(Errc::denied, "sealed data is too short");
  const auto salt = all.substr(0, kSalt);
  const auto nonce = all.substr(kSalt, kNonce);
  auto tag = all.substr(kSalt + kNonce, kTag);
  const auto sealed = all.substr(kSalt + kNonce + kTag);
  std::string text(sealed.size(), '\0');
  const auto key = key_of(passphrase, salt);
  const Context gcm;
  int size = 0;
  EVP_DecryptInit_ex(gcm.context, EVP_aes_256_gcm(), nullptr, bytes(key), bytes(nonce));
  EVP_DecryptUpdate(gcm.context, bytes(text), &size, bytes(sealed), static_cast<int>(sealed.size()));
  EVP_CIPHER_CTX_ctrl(gcm.context, EVP_CTRL_GCM_SET_TAG, kTag, bytes(tag));
  if (EVP_DecryptFinal_ex(gcm.context, bytes(text) + size, &size) != 1)
    throw Error(Errc::denied, "sealed with another passphrase");
  return text;
}

}  // namespace hlid::fake_rke2
