#include "node/auth/tickets.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <charconv>

#include "base/error.h"
#include "base/text.h"
#include "sys/files.h"
#include "sys/hash.h"

namespace hlid::node::auth {
namespace {

constexpr std::int64_t kLifetime = 2 * 3600;
constexpr std::int64_t kClockDifference = 300;
constexpr std::string_view kPrefix = "PVE:";

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using PrivateKey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;

void ensure(bool ok, const char* what) {
  if (!ok) throw Error(Errc::failed, "{} failed", what);
}

std::string generate_pem() {
  const PrivateKey key(EVP_RSA_gen(2048));
  ensure(key != nullptr, "making a key");
  const Bio bio(BIO_new(BIO_s_mem()));
  ensure(PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
         "writing a key");
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

/// The time of "%08X", if it is one of the last two hours.
std::optional<std::int64_t> valid_time(std::string_view hex, std::int64_t now) {
  std::int64_t time = 0;
  const auto [end, failure] = std::from_chars(hex.data(), hex.data() + hex.size(), time, 16);
  if (hex.size() != 8 || failure != std::errc{} || end != hex.data() + hex.size()) return std::nullopt;
  const auto age = now - time;
  return age > -kClockDifference && age < kLifetime ? std::optional(time) : std::nullopt;
}

}  // namespace

struct Tickets::Key {
  PrivateKey signing;
  std::string csrf;  ///< derived from the other, so that there is one secret to keep

  std::string sign(std::string_view text) const {
    const Digest digest(EVP_MD_CTX_new());
    std::size_t size = 0;
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    ensure(EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, signing.get()) == 1 &&
               EVP_DigestSign(digest.get(), nullptr, &size, bytes, text.size()) == 1,
           "signing a ticket");
    std::string signature(size, '\0');
    ensure(EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes,
                          text.size()) == 1,
           "signing a ticket");
    signature.resize(size);
    return signature;
  }
  bool verify(std::string_view text, const std::string& signature) const {
    const Digest digest(EVP_MD_CTX_new());
    return EVP_DigestVerifyInit(digest.get(), nullptr, EVP_sha256(), nullptr, signing.get()) == 1 &&
           EVP_DigestVerify(digest.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                            signature.size(), reinterpret_cast<const unsigned char*>(text.data()),
                            text.size()) == 1;
  }
};

Tickets::Tickets(const std::filesystem::path& key_file) : key_(std::make_unique<Key>()) {
  auto pem = sys::read_file_if_exists(key_file);
  if (!pem) {
    pem = generate_pem();
    sys::write_durable(key_file, *pem, 0600);
  }
  const Bio bio(BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size())));
  key_->signing.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!key_->signing) throw Error(Errc::precondition, "'{}' is not a private key", key_file.string());
  key_->csrf = sys::sha256_hex("csrf " + *pem);
}

Tickets::~Tickets() = default;

std::string Tickets::sign(const std::string& user, std::int64_t now) const {
  const auto text = fmt::format("{}{}:{:08X}", kPrefix, user, now);
  return text + "::" + base64_encode(key_->sign(text));
}

std::optional<std::string> Tickets::check(std::string_view ticket, std::int64_t now) const {
  const auto mark = ticket.find("::");
  if (ticket.rfind(kPrefix, 0) != 0 || mark == std::string_view::npos || ticket.size() > 4096)
    return std::nullopt;
  const auto text = ticket.substr(0, mark);
  const auto colon = text.rfind(':');
  if (colon < kPrefix.size() || !valid_time(text.substr(colon + 1), now)) return std::nullopt;
  try {
    if (!key_->verify(text, base64_decode(ticket.substr(mark + 2)))) return std::nullopt;
  } catch (const Error&) {  // not base64
    return std::nullopt;
  }
  return std::string(text.substr(kPrefix.size(), colon - kPrefix.size()));
}

std::string Tickets::csrf_token(const std::string& user, std::int64_t now) const {
  const auto text = fmt::format("{:08X}:{}", now, user);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), key_->csrf.data(), static_cast<int>(key_->csrf.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  auto code = base64_encode({reinterpret_cast<const char*>(digest), size});
  while (!code.empty() && code.back() == '=') code.pop_back();
  return fmt::format("{:08X}:{}", now, code);
}

bool Tickets::check_csrf(std::string_view token, const std::string& user, std::int64_t now) const {
  const auto time = valid_time(token.substr(0, token.find(':')), now);
  return time && equal_in_constant_time(token, csrf_token(user, *time));
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace hlid::node::auth
