#pragma once
#include <openssl/ssl.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "support/fake_rke2/pki.h"
#include "sys/unique_fd.h"

/// HTTP/1.1 over TLS with blocking sockets: a thread a connection is enough for a test cluster, and links
/// into a static program without Asio.
namespace hlid::fake_rke2 {

using SslContext = std::shared_ptr<SSL_CTX>;  // shared: each connection keeps its context alive

/// `client_authority`: client certificates are asked for and verified against it, but not demanded.
SslContext server_context(const Pem& own, const std::string& client_authority);
/// `authority` empty: anybody is believed (fetching an authority to pin it).
SslContext client_context(const std::string& authority, const Pem& own);

/// One TLS connection. All calls throw Error(io/timeout/denied).
class TlsStream {
 public:
  static TlsStream accept(const SslContext& context, sys::UniqueFd socket);
  static TlsStream connect(const SslContext& context, const std::string& host, int port,
                           std::chrono::milliseconds timeout);
  TlsStream(TlsStream&&) = default;
  TlsStream& operator=(TlsStream&&) = default;

  /// Appends what comes to `to`; false at the end.
  bool read_some(std::string& to);
  void write(std::string_view bytes);
  /// Common name and organisation of the verified client certificate; empty without one.
  Subject peer() const;
  int fd() const { return socket_.get(); }

 private:
  struct Close {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  TlsStream(sys::UniqueFd socket, SSL* ssl) : socket_(std::move(socket)), ssl_(ssl) {}
  sys::UniqueFd socket_;
  std::unique_ptr<SSL, Close> ssl_;
};

/// Numeric addresses and names of /etc/hosts. Throws Error(io) in Go's words.
std::string resolve(const std::string& host);

}  // namespace hlid::fake_rke2
