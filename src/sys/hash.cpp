#include "sys/hash.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "sys/unique_fd.h"

namespace hlid::sys {
namespace {

class Digest {
 public:
  explicit Digest(const EVP_MD* kind) : context_(EVP_MD_CTX_new()) {
    EVP_DigestInit_ex(context_.get(), kind, nullptr);
  }
  void add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string hex() {
    std::string raw(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
    return hex_encode(std::string_view(raw).substr(0, size));
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

std::string hex_of(const EVP_MD* kind, std::string_view bytes) {
  Digest digest(kind);
  digest.add(bytes);
  return digest.hex();
}

}  // namespace

std::string sha1_hex(std::string_view bytes) {
  return hex_of(EVP_sha1(), bytes);
}
std::string sha256_hex(std::string_view bytes) {
  return hex_of(EVP_sha256(), bytes);
}

std::string sha256_file(const std::filesystem::path& path) {
  return digest_file(path, "sha256");
}

std::string digest_file(const std::filesystem::path& path, const std::string& algorithm) {
  const EVP_MD* kind = EVP_get_digestbyname(algorithm.c_str());
  if (kind == nullptr) throw Error(Errc::usage, "no digest '{}'", algorithm);
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw system_error("cannot open '" + path.string() + "'");
  Digest digest(kind);
  std::string buffer(1U << 20, '\0');
  for (;;) {
    const auto got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0) throw system_error("cannot read '" + path.string() + "'");
    if (got == 0) return digest.hex();
    digest.add(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
  }
}

std::string sha256_part(const std::filesystem::path& path, std::int64_t offset, std::int64_t size) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw system_error("cannot open '" + path.string() + "'");
  Digest digest(EVP_sha256());
  std::string buffer(1U << 20, '\0');
  while (size > 0) {
    const auto wanted = std::min(buffer.size(), static_cast<std::size_t>(size));
    const auto got = ::pread(fd.get(), buffer.data(), wanted, offset);
    if (got < 0) throw system_error("cannot read '" + path.string() + "'");
    if (got == 0) throw Error(Errc::io, "'{}' ends too early", path.string());
    digest.add(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
    offset += got;
    size -= got;
  }
  return digest.hex();
}

}  // namespace hlid::sys
