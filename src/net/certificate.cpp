#include "net/certificate.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "net/openssl.h"

namespace hlid::net {
namespace {

constexpr long kDay = 24L * 3600;

void check(bool ok, const char* what) {
  if (ok) return;
  char text[160] = "";
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  throw Error(Errc::failed, "{} failed: {}", what, text);
}

template <typename Write>
std::string to_pem(Write write) {
  const Bio bio(BIO_new(BIO_s_mem()));
  check(bio && write(bio.get()) == 1, "writing PEM");
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Certificate parse_certificate(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) throw Error(Errc::protocol, "not a PEM certificate");
  return certificate;
}

Key parse_key(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!key) throw Error(Errc::protocol, "not a PEM private key");
  return key;
}

void set_random_serial(X509* certificate) {
  std::uint64_t serial = 0;
  check(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1, "random serial");
  check(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1U | 1U) == 1, "serial");
}

void set_name(X509_NAME* name, const std::string& common_name) {
  const auto add = [&](const char* field, const std::string& value) {
    check(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(value.data()),
                                     static_cast<int>(value.size()), -1, 0) == 1,
          "certificate name");
  };
  add("O", "Hlidskjalf");
  add("CN", common_name.substr(0, 64));
}

void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  check(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "certificate extension");
}

/// A certificate without extensions, valid from a day ago (clocks of clients are not exact).
Certificate blank(EVP_PKEY* key, const std::string& common_name, long days) {
  Certificate certificate(X509_new());
  check(certificate != nullptr, "X509_new");
  X509_set_version(certificate.get(), X509_VERSION_3);
  set_random_serial(certificate.get());
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days * kDay);
  check(X509_set_pubkey(certificate.get(), key) == 1, "certificate key");
  set_name(X509_get_subject_name(certificate.get()), common_name);
  return certificate;
}

KeyPair print(X509* certificate, EVP_PKEY* key) {
  return {to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); }), to_pem([&](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

std::string alternative_names(const std::vector<std::string>& names) {
  std::vector<std::string> parts;
  for (const auto& name : names) {
    const std::unique_ptr<ASN1_OCTET_STRING, Freer<ASN1_OCTET_STRING_free>> address(
        a2i_IPADDRESS(name.c_str()));
    parts.push_back((address ? "IP:" : "DNS:") + name);
  }
  return join(parts, ",");
}

}  // namespace

KeyPair make_authority(const std::string& common_name) {
  const Key key(EVP_EC_gen("P-256"));
  check(key != nullptr, "key generation");
  const auto certificate = blank(key.get(), common_name, 3650);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  extend(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  extend(certificate.get(), certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  extend(certificate.get(), certificate.get(), NID_subject_key_identifier, "hash");
  check(X509_sign(certificate.get(), key.get(), EVP_sha256()) != 0, "signing");
  return print(certificate.get(), key.get());
}

KeyPair make_certificate(const KeyPair& authority, const std::string& common_name,
                         const std::vector<std::string>& names) {
  const auto issuer = parse_certificate(authority.certificate_pem);
  const auto issuer_key = parse_key(authority.key_pem);
  const Key key(EVP_EC_gen("P-256"));
  check(key != nullptr, "key generation");
  const auto certificate = blank(key.get(), common_name, 730);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get()));
  extend(certificate.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE");
  extend(certificate.get(), issuer.get(), NID_key_usage, "critical,digitalSignature");
  extend(certificate.get(), issuer.get(), NID_ext_key_usage, "serverAuth");
  extend(certificate.get(), issuer.get(), NID_subject_key_identifier, "hash");
  extend(certificate.get(), issuer.get(), NID_authority_key_identifier, "keyid");
  if (!names.empty()) extend(certificate.get(), issuer.get(), NID_subject_alt_name, alternative_names(names));
  check(X509_sign(certificate.get(), issuer_key.get(), EVP_sha256()) != 0, "signing");
  return print(certificate.get(), key.get());
}

int days_left(const std::string& certificate_pem) {
  const auto certificate = parse_certificate(certificate_pem);
  int days = 0;
  int seconds = 0;
  check(ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate.get())) == 1,
        "reading a date");
  return seconds < 0 && days == 0 ? -1 : days;
}

std::string fingerprint(const std::string& certificate_pem) {
  const auto certificate = parse_certificate(certificate_pem);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  check(X509_digest(certificate.get(), EVP_sha256(), digest, &size) == 1, "fingerprint");
  std::vector<std::string> bytes;
  for (unsigned i = 0; i < size; ++i) bytes.push_back(fmt::format("{:02X}", digest[i]));
  return join(bytes, ":");
}

}  // namespace hlid::net
