#pragma once
#include <memory>
#include <string>
#include <string_view>

struct ssl_ctx_st;
struct ssl_st;
struct bio_st;

namespace hlid::net {

/// Settings shared by the connections of a server: certificate, TLS 1.2 and 1.3, session tickets, no
/// renegotiation.
class TlsContext {
 public:
  /// Throws Error(precondition) when certificate and key are not PEM or do not belong together.
  TlsContext(const std::string& certificate_pem, const std::string& key_pem);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ssl_ctx_st* get() const { return context_; }

 private:
  ssl_ctx_st* context_;
};

/// The server's end of one TLS connection without its socket: encrypted bytes in and out, plain bytes in and
/// out. (Asio's own stream moves 17 KiB at a time; large answers need fewer, larger writes.)
class TlsEngine {
 public:
  enum class Result { ok, want_input, closed, failed };

  explicit TlsEngine(const TlsContext& context);
  ~TlsEngine();
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;

  /// Bytes from the peer; only when a call said want_input.
  void feed(std::string_view encrypted);
  Result handshake();
  /// ok: `size` plain bytes were put at `to`.
  Result read(char* to, std::size_t space, std::size_t& size);
  /// Encrypts; false when the connection is broken.
  bool write(std::string_view plain);
  /// Says goodbye (close_notify).
  void shutdown();

  /// What must be sent to the peer; valid until the next call of another function.
  std::string_view output() const;
  void output_sent();  ///< all of it

 private:
  Result result_of(int returned);
  ssl_st* ssl_;
  bio_st* in_;   ///< owned by ssl_
  bio_st* out_;  ///< owned by ssl_
};

}  // namespace hlid::net
