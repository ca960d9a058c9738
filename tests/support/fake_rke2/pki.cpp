#include "support/fake_rke2/pki.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/faults.h"
#include "support/fake_rke2/journal.h"
#include "sys/files.h"

namespace hlid::fake_rke2 {
namespace {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;

constexpr long kDay = 24L * 3600;

void check(bool ok, const char* what) {
  if (!ok) throw Error(Errc::failed, "{} failed", what);
}

template <typename Write>
std::string to_pem(Write write) {
  const Bio bio(BIO_new(BIO_s_mem()));
  check(write(bio.get()) == 1, "writing PEM");
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Bio reader(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

Certificate parse_certificate(const std::string& pem) {
  Certificate certificate(PEM_read_bio_X509(reader(pem).get(), nullptr, nullptr, nullptr));
  if (!certificate) throw Error(Errc::protocol, "not a PEM certificate");
  return certificate;
}

Key parse_key(const std::string& pem) {
  Key key(PEM_read_bio_PrivateKey(reader(pem).get(), nullptr, nullptr, nullptr));
  if (!key) throw Error(Errc::protocol, "not a PEM private key");
  return key;
}

void add_name(X509_NAME* name, const char* field, const std::string& value) {
  if (value.empty()) return;
  X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                             static_cast<int>(value.size()), -1, 0);
}

void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  check(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "certificate extension");
}

Certificate blank(EVP_PKEY* key, const Subject& subject, long days) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  std::uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), (serial >> 1U) | 1U);
  // Clock skew of the issuing machine shows as certificates that begin in the future.
  const long skew = faults::number("clock_skew", 0);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), skew > 0 ? skew : -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days * kDay + skew);
  check(X509_set_pubkey(certificate.get(), key) == 1, "certificate key");
  add_name(X509_get_subject_name(certificate.get()), "O", subject.organisation);
  add_name(X509_get_subject_name(certificate.get()), "CN", subject.common_name);
  return certificate;
}

Pem print(X509* certificate, EVP_PKEY* key) {
  return {to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); }), to_pem([&](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

bool is_address(const std::string& name) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, name.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

std::string part_of(X509_NAME* name, int kind) {
  char text[256] = "";
  X509_NAME_get_text_by_NID(name, kind, text, sizeof text);
  return text;
}

std::time_t time_of(const ASN1_TIME* time) {
  std::tm fields{};
  ASN1_TIME_to_tm(time, &fields);
  return ::timegm(&fields);
}

std::vector<std::string> alternative_names(X509* certificate) {
  std::vector<std::string> out;
  auto* names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    char text[INET6_ADDRSTRLEN] = "";
    if (name->type == GEN_DNS) {
      out.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)));
    } else if (name->type == GEN_IPADD) {
      const int family = ASN1_STRING_length(name->d.iPAddress) == 4 ? AF_INET : AF_INET6;
      ::inet_ntop(family, ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof text);
      out.emplace_back(text);
    }
  }
  GENERAL_NAMES_free(names);
  return out;
}

}  // namespace

Pem make_authority(const std::string& common_name) {
  const Key key(EVP_EC_gen("P-256"));
  const auto certificate = blank(key.get(), {common_name}, 3650);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  extend(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  extend(certificate.get(), certificate.get(), NID_key_usage,
         "critical,digitalSignature,keyEncipherment,keyCertSign");
  extend(certificate.get(), certificate.get(), NID_subject_key_identifier, "hash");
  check(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0, "signing");
  return print(certificate.get(), key.get());
}

Pem issue(const Pem& authority, const Subject& subject) {
  const auto issuer = parse_certificate(authority.certificate);
  const auto issuer_key = parse_key(authority.key);
  const Key key(EVP_EC_gen("P-256"));
  const auto certificate = blank(key.get(), subject, faults::number("certificate_days", 365));
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get()));
  extend(certificate.get(), issuer.get(), NID_key_usage, "critical,digitalSignature,keyEncipherment");
  extend(certificate.get(), issuer.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  std::vector<std::string> parts;
  for (const auto& name : subject.names) parts.push_back((is_address(name) ? "IP:" : "DNS:") + name);
  if (!parts.empty()) extend(certificate.get(), issuer.get(), NID_subject_alt_name, join(parts, ","));
  check(X509_sign(certificate.get(), issuer_key.get(), EVP_sha256()) > 0, "signing");
  return print(certificate.get(), key.get());
}

CertificateFacts inspect(const std::string& certificate_pem) {
  const auto certificate = parse_certificate(certificate_pem);
  CertificateFacts out;
  out.subject = part_of(X509_get_subject_name(certificate.get()), NID_commonName);
  out.organisation = part_of(X509_get_subject_name(certificate.get()), NID_organizationName);
  out.issuer = part_of(X509_get_issuer_name(certificate.get()), NID_commonName);
  out.not_before = time_of(X509_get0_notBefore(certificate.get()));
  out.not_after = time_of(X509_get0_notAfter(certificate.get()));
  out.names = alternative_names(certificate.get());
  return out;
}

bool signed_by(const std::string& certificate_pem, const std::string& authority_pem) {
  const auto authority = parse_certificate(authority_pem);
  return X509_verify(parse_certificate(certificate_pem).get(), X509_get0_pubkey(authority.get())) == 1;
}

void store(const Pem& pem, const std::filesystem::path& stem) {
  sys::make_folder(stem.parent_path(), 0700);
  sys::write_durable(stem.string() + ".key", pem.key, 0600);
  sys::write_durable(stem.string() + ".crt", pem.certificate, 0644);
}

Pem load(const std::filesystem::path& stem) {
  return {sys::read_file(stem.string() + ".crt"), sys::read_file(stem.string() + ".key")};
}

bool stored(const std::filesystem::path& stem) {
  return std::filesystem::exists(stem.string() + ".crt") && std::filesystem::exists(stem.string() + ".key");
}

std::string random_hex(std::size_t bytes) {
  std::string raw(bytes, '\0');
  RAND_bytes(reinterpret_cast<unsigned char*>(raw.data()), static_cast<int>(bytes));
  return hex_encode(raw);
}

}  // namespace hlid::fake_rke2
