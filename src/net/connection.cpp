// A connection's life: from the first byte, through TLS, to a request's bytes being decoded.
#include "net/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"

namespace hlid::net {
namespace {

using boost::system::error_code;
using namespace std::chrono_literals;

constexpr unsigned char kTlsHandshake =
    0x16;  // RFC 8446, section 5.1: the first byte of a ClientHello record

}  // namespace

void Reactor::adopt(std::shared_ptr<Connection> connection) {
  open.insert(connection);
  connection->start();
  if (!sweeping) sweep();
}

void Reactor::sweep() {
  sweeping = !open.empty();
  if (!sweeping) return;
  sweeper.expires_after(500ms);
  sweeper.async_wait([this](error_code code) {
    if (code) return;
    const auto now = std::chrono::steady_clock::now();
    std::vector<std::shared_ptr<Connection>> late;
    for (const auto& connection : open)
      if (connection->deadline() < now) late.push_back(connection);
    for (const auto& connection : late) connection->close();
    sweep();
  });
}

Connection::Connection(Reactor& reactor, std::weak_ptr<Reactor> weak_reactor, Tcp::socket socket)
    : reactor_(reactor),
      weak_reactor_(std::move(weak_reactor)),
      socket_(std::move(socket)),
      decoder_(reactor.shared->options.max_head_bytes, reactor.shared->options.max_header_lines) {
  ++reactor_.shared->connections;
  error_code ignored;
  const auto peer = socket_.remote_endpoint(ignored);
  if (!ignored) peer_ = peer.address().to_string();
}

Connection::~Connection() {
  --reactor_.shared->connections;
}

void Connection::set_deadline(std::chrono::milliseconds duration) {
  deadline_ = std::chrono::steady_clock::now() + duration;
}

void Connection::start() {
  error_code ignored;
  socket_.set_option(Tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  set_deadline(reactor_.shared->options.header_timeout);
  detect_tls();
}

/// Closes at once; the pending operations end with an error and let go of us.
void Connection::close() {
  error_code ignored;
  socket_.close(ignored);
  if (delay_) delay_->cancel();
  no_deadline();
  reactor_.open.erase(shared_from_this());
}

void Connection::detect_tls() {
  socket_.async_wait(Tcp::socket::wait_read, [self = shared_from_this()](error_code code) {
    unsigned char first = 0;
    if (code || ::recv(self->socket_.native_handle(), &first, 1, MSG_PEEK) != 1) return self->close();
    if (first != kTlsHandshake) return self->read();
    self->tls_.emplace(self->reactor_.shared->tls);
    self->handshake();
  });
}

void Connection::handshake() {
  const auto result = tls_->handshake();
  flush([self = shared_from_this(), result] {
    if (result == TlsEngine::Result::ok) return self->read();
    if (result != TlsEngine::Result::want_input) return self->close();
    self->socket_.async_read_some(asio::buffer(self->encrypted_), [self](error_code code, std::size_t size) {
      if (code) return self->close();
      self->tls_->feed({self->encrypted_.data(), size});
      self->handshake();
    });
  });
}

void Connection::read() {
  phase_ = Phase::reading;
  if (begin_ > 0) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) return reject_malformed();
  if (tls_) return read_encrypted();
  read_plain();
}

void Connection::read_plain() {
  socket_.async_read_some(asio::buffer(buffer_.data() + end_, buffer_.size() - end_),
                          [self = shared_from_this()](error_code code, std::size_t size) {
                            if (code) return self->close();
                            self->on_read(size);
                          });
}

void Connection::read_encrypted() {
  std::size_t size = 0;
  const auto result = tls_->read(buffer_.data() + end_, buffer_.size() - end_, size);
  if (result == TlsEngine::Result::ok) return on_read(size);
  if (result != TlsEngine::Result::want_input) return close();
  flush([self = shared_from_this()] {
    self->socket_.async_read_some(asio::buffer(self->encrypted_), [self](error_code code, std::size_t got) {
      if (code) return self->close();
      self->tls_->feed({self->encrypted_.data(), got});
      self->read_encrypted();
    });
  });
}

void Connection::on_read(std::size_t size) {
  end_ += size;
  advance();
}

void Connection::advance() {
  const auto was_idle = decoder_.idle();
  const auto before = decoder_.state();
  const auto used = decoder_.feed({buffer_.data() + begin_, end_ - begin_});
  begin_ += used;
  stalled_ = used == 0;
  if (was_idle && !decoder_.idle()) set_deadline(reactor_.shared->options.header_timeout);
  switch (decoder_.state()) {
    case RequestDecoder::State::failed:
      return reject_malformed();
    case RequestDecoder::State::head:
      return read();
    case RequestDecoder::State::body:
    case RequestDecoder::State::done:
      break;
  }
  if (before == RequestDecoder::State::head && !have_verdict_) return on_head();
  on_body();
}

void Connection::reject_malformed() {
  log::debug("http: {} sent a malformed request: {}", peer_, decoder_.problem());
  if (spool_) ::unlink(verdict_.spool.c_str());
  spool_.reset();
  ServerResponse bad;
  bad.status = 400;
  bad.reason = "Bad Request";
  bad.close = true;
  answered_ = false;
  phase_ = Phase::answering;
  answer(std::move(bad));
}

}  // namespace hlid::net
