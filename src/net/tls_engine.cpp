#include "net/tls_engine.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/error.h"
#include "net/openssl.h"

namespace hlid::net {
namespace {

Bio bio_of(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// The first certificate is the server's, others complete its chain.
bool use_chain(SSL_CTX* context, const std::string& pem) {
  const auto bio = bio_of(pem);
  const Certificate own(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) return false;
  while (auto* more = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))
    if (SSL_CTX_add0_chain_cert(context, more) != 1) {
      X509_free(more);
      return false;
    }
  ERR_clear_error();  // the end of the text counts as an error
  return true;
}

bool use_key(SSL_CTX* context, const std::string& pem) {
  const Key key(PEM_read_bio_PrivateKey(bio_of(pem).get(), nullptr, nullptr, nullptr));
  return key && SSL_CTX_use_PrivateKey(context, key.get()) == 1 && SSL_CTX_check_private_key(context) == 1;
}

}  // namespace

TlsContext::TlsContext(const std::string& certificate_pem, const std::string& key_pem)
    : context_(SSL_CTX_new(TLS_server_method())) {
  if (context_ == nullptr) throw Error(Errc::failed, "OpenSSL cannot be set up");
  if (!use_chain(context_, certificate_pem) || !use_key(context_, key_pem)) {
    SSL_CTX_free(context_);
    ERR_clear_error();
    throw Error(Errc::precondition, "the server's certificate and key cannot be used");
  }
  SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
  SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_num_tickets(context_, 1);
  SSL_CTX_set_session_cache_mode(context_,
                                 SSL_SESS_CACHE_OFF);  // tickets carry the state; nothing grows here
  SSL_CTX_set_options(context_,
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
  constexpr unsigned char kName[] = "hlid";
  SSL_CTX_set_session_id_context(context_, kName, sizeof kName - 1);
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

TlsEngine::TlsEngine(const TlsContext& context)
    : ssl_(SSL_new(context.get())), in_(BIO_new(BIO_s_mem())), out_(BIO_new(BIO_s_mem())) {
  if (ssl_ == nullptr || in_ == nullptr || out_ == nullptr) {
    SSL_free(ssl_);
    BIO_free(in_);
    BIO_free(out_);
    throw Error(Errc::failed, "out of memory");
  }
  // Empty means "later", not "the end".
  BIO_set_mem_eof_return(in_, -1);
  BIO_set_mem_eof_return(out_, -1);
  SSL_set_bio(ssl_, in_, out_);
  SSL_set_accept_state(ssl_);
}

TlsEngine::~TlsEngine() {
  SSL_free(ssl_);
}

void TlsEngine::feed(std::string_view encrypted) {
  BIO_write(in_, encrypted.data(), static_cast<int>(encrypted.size()));
}

TlsEngine::Result TlsEngine::result_of(int returned) {
  if (returned > 0) return Result::ok;
  const auto error = SSL_get_error(ssl_, returned);
  ERR_clear_error();
  if (error == SSL_ERROR_WANT_READ) return Result::want_input;
  return error == SSL_ERROR_ZERO_RETURN ? Result::closed : Result::failed;
}

TlsEngine::Result TlsEngine::handshake() {
  return result_of(SSL_do_handshake(ssl_));
}

TlsEngine::Result TlsEngine::read(char* to, std::size_t space, std::size_t& size) {
  size = 0;
  return result_of(SSL_read_ex(ssl_, to, space, &size));
}

bool TlsEngine::write(std::string_view plain) {
  if (plain.empty()) return true;
  std::size_t written = 0;
  const bool ok = SSL_write_ex(ssl_, plain.data(), plain.size(), &written) == 1 && written == plain.size();
  if (!ok) ERR_clear_error();
  return ok;
}

void TlsEngine::shutdown() {
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

std::string_view TlsEngine::output() const {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(out_, &data);
  return {data, static_cast<std::size_t>(size)};
}

void TlsEngine::output_sent() {
  BIO_reset(out_);
}

}  // namespace hlid::net
