#include "support/fake_rke2/tls_stream.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "sys/files.h"

namespace hlid::fake_rke2 {
namespace {

using std::chrono::milliseconds;

X509* read_certificate(BIO* bio) {
  return PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
}

void use(SSL_CTX* context, const Pem& own) {
  BIO* bio = BIO_new_mem_buf(own.certificate.data(), static_cast<int>(own.certificate.size()));
  X509* certificate = read_certificate(bio);
  BIO_free(bio);
  bio = BIO_new_mem_buf(own.key.data(), static_cast<int>(own.key.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  const bool ok = certificate != nullptr && key != nullptr &&
                  SSL_CTX_use_certificate(context, certificate) == 1 &&
                  SSL_CTX_use_PrivateKey(context, key) == 1;
  X509_free(certificate);
  EVP_PKEY_free(key);
  if (!ok) throw Error(Errc::failed, "tls: private key does not match public key");
}

void trust(SSL_CTX* context, const std::string& authorities) {
  BIO* bio = BIO_new_mem_buf(authorities.data(), static_cast<int>(authorities.size()));
  while (X509* certificate = read_certificate(bio)) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate);
    X509_free(certificate);
  }
  BIO_free(bio);
  ERR_clear_error();
}

SslContext blank(const SSL_METHOD* method) {
  SslContext context(SSL_CTX_new(method), SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  return context;
}

void limit(int fd, milliseconds timeout) {
  timeval time{};
  time.tv_sec = timeout.count() / 1000;
  time.tv_usec = static_cast<suseconds_t>(timeout.count() % 1000 * 1000);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
  const int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

/// Waits for a connect(2) under way; the errno it ended with.
int finish_connect(int fd, milliseconds timeout) {
  pollfd entry{fd, POLLOUT, 0};
  if (::poll(&entry, 1, static_cast<int>(timeout.count())) <= 0) return ETIMEDOUT;
  int problem = 0;
  socklen_t size = sizeof problem;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size);
  return problem;
}

[[noreturn]] void dial_failed(const std::string& host, int port, int problem) {
  const auto where = fmt::format("dial tcp {}:{}", host, port);
  if (problem == ETIMEDOUT) throw Error(Errc::timeout, "{}: i/o timeout", where);
  if (problem == ECONNREFUSED) throw Error(Errc::io, "{}: connect: connection refused", where);
  if (problem == EHOSTUNREACH) throw Error(Errc::io, "{}: connect: no route to host", where);
  throw Error(Errc::io, "{}: connect: {}", where, to_lower(std::strerror(problem)));  // NOLINT
}

sys::UniqueFd dial(const std::string& host, int port, milliseconds timeout) {
  const auto address = resolve(host);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, address.c_str(), &where.sin_addr);
  sys::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int problem = 0;
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) != 0)
    problem = errno == EINPROGRESS ? finish_connect(fd.get(), timeout) : errno;
  if (problem != 0) dial_failed(address, port, problem);
  const int flags = ::fcntl(fd.get(), F_GETFL);
  ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK);
  limit(fd.get(), timeout);
  return fd;
}

bool is_address(const std::string& host) {
  in_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1;
}

std::string names_in(X509* certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  const auto facts = inspect({data, static_cast<std::size_t>(size)});
  BIO_free(bio);
  return join(facts.names, ", ");
}

[[noreturn]] void verification_failed(SSL* ssl, const std::string& host) {
  const auto result = SSL_get_verify_result(ssl);
  const std::string start = "tls: failed to verify certificate: x509: ";
  X509* certificate = SSL_get0_peer_certificate(ssl);
  if ((result == X509_V_ERR_IP_ADDRESS_MISMATCH || result == X509_V_ERR_HOSTNAME_MISMATCH) &&
      certificate != nullptr)
    throw Error(Errc::denied, "{}certificate is valid for {}, not {}", start, names_in(certificate), host);
  if (result == X509_V_ERR_CERT_HAS_EXPIRED || result == X509_V_ERR_CERT_NOT_YET_VALID)
    throw Error(Errc::denied, "{}certificate has expired or is not yet valid", start);
  throw Error(Errc::denied, "{}certificate signed by unknown authority", start);
}

}  // namespace

SslContext server_context(const Pem& own, const std::string& client_authority) {
  auto context = blank(TLS_server_method());
  use(context.get(), own);
  // A constant session id context is demanded of servers that verify clients.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  const unsigned char id[] = "rke2";
  SSL_CTX_set_session_id_context(context.get(), id, sizeof id - 1);
  if (!client_authority.empty()) {
    trust(context.get(), client_authority);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  return context;
}

SslContext client_context(const std::string& authority, const Pem& own) {
  auto context = blank(TLS_client_method());
  if (!own.certificate.empty()) use(context.get(), own);
  if (!authority.empty()) {
    trust(context.get(), authority);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  return context;
}

TlsStream TlsStream::accept(const SslContext& context, sys::UniqueFd socket) {
  limit(socket.get(), std::chrono::seconds(30));
  TlsStream stream(std::move(socket), SSL_new(context.get()));
  SSL_set_fd(stream.ssl_.get(), stream.socket_.get());
  if (SSL_accept(stream.ssl_.get()) != 1) {
    ERR_clear_error();
    throw Error(Errc::protocol, "TLS handshake error");
  }
  return stream;
}

TlsStream TlsStream::connect(const SslContext& context, const std::string& host, int port,
                             milliseconds timeout) {
  TlsStream stream(dial(host, port, timeout), SSL_new(context.get()));
  SSL* ssl = stream.ssl_.get();
  SSL_set_fd(ssl, stream.socket_.get());
  if (SSL_CTX_get_verify_mode(context.get()) != SSL_VERIFY_NONE) {
    if (is_address(host))
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
    else
      SSL_set1_host(ssl, host.c_str());
  }
  errno = 0;
  if (SSL_connect(ssl) != 1) {
    const int reason = errno;
    ERR_clear_error();
    if (SSL_get_verify_result(ssl) != X509_V_OK) verification_failed(ssl, host);
    if (reason == EAGAIN) throw Error(Errc::timeout, "net/http: TLS handshake timeout");
    throw Error(Errc::io, "EOF");
  }
  return stream;
}

bool TlsStream::read_some(std::string& to) {
  char buffer[16384];
  errno = 0;
  const int count = SSL_read(ssl_.get(), buffer, sizeof buffer);
  if (count > 0) {
    to.append(buffer, static_cast<std::size_t>(count));
    return true;
  }
  const int reason = SSL_get_error(ssl_.get(), count);
  const bool timed_out = errno == EAGAIN;
  ERR_clear_error();
  if (reason == SSL_ERROR_ZERO_RETURN) return false;
  if (timed_out)
    throw Error(Errc::timeout, "context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
  return false;
}

void TlsStream::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const int count = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (count <= 0) {
      ERR_clear_error();
      throw Error(Errc::io, "write: broken pipe");
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

Subject TlsStream::peer() const {
  X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return {};
  char name[256] = "";
  char organisation[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_organizationName, organisation,
                            sizeof organisation);
  return {name, organisation};
}

std::string resolve(const std::string& host) {
  if (is_address(host)) return host;
  if (host == "localhost") return "127.0.0.1";
  for (const auto& line : split(sys::read_file_if_exists("/etc/hosts").value_or(""), '\n')) {
    const auto words = split_list(line.substr(0, line.find('#')), " \t");
    for (std::size_t i = 1; i < words.size(); ++i)
      if (words[i] == host && is_address(words[0])) return words[0];
  }
  throw Error(Errc::io, "dial tcp: lookup {}: no such host", host);
}

}  // namespace hlid::fake_rke2
