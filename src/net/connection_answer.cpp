// Writing an answer, piece by piece, and the end of a connection.
#include <algorithm>

#include "net/connection.h"

namespace hlid::net {
namespace {

using boost::system::error_code;
using namespace std::chrono_literals;

constexpr auto kWriteTime = 60s;
constexpr auto kLinger = 2s;
constexpr std::size_t kWriteSize = 64U << 10;  ///< plain bytes encrypted and sent at once
constexpr std::size_t kSmallBody = 16U << 10;  ///< up to here head and body go out as one

std::size_t body_size(const ServerResponse& response) {
  return response.shared_body ? response.shared_body->size() : response.body.size();
}

void append_head(std::string& out, const ServerResponse& response) {
  out += "HTTP/1.1 ";
  out += std::to_string(response.status);
  out += ' ';
  for (const char c : response.reason)
    if (c != '\r' && c != '\n' && c != '\0') out += c;
  out += "\r\n";
  bool has_length = false;
  for (const auto& [name, value] : response.headers) {
    has_length = has_length || name == "Content-Length";
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
  }
  // Without a body, the end of the connection says so; on a kept one the client must be told.
  if (!has_length && (body_size(response) > 0 || !response.close)) {
    out += "Content-Length: ";
    out += std::to_string(body_size(response));
    out += "\r\n";
  }
  out += "\r\n";
}

}  // namespace

void Connection::answer(ServerResponse response) {
  if (answered_ || !socket_.is_open()) return;
  answered_ = true;
  if (response.delay.count() == 0) return write(std::move(response));
  no_deadline();
  delay_.emplace(reactor_.io, response.delay);
  delay_->async_wait([self = shared_from_this(), response = std::move(response)](error_code code) mutable {
    self->delay_.reset();
    if (!code) self->write(std::move(response));
  });
}

void Connection::write(ServerResponse response) {
  close_after_ = response.close;
  out_.clear();
  out_done_ = 0;
  append_head(out_, response);
  out_body_ = std::move(response.shared_body);
  if (!out_body_ && response.body.size() > kSmallBody)
    out_body_ = std::make_shared<const std::string>(std::move(response.body));
  else if (!out_body_)
    out_ += response.body;
  set_deadline(kWriteTime);
  write_next();
}

/// Sends the next piece of head and body; a slow client holds one piece of it encrypted, not all.
void Connection::write_next() {
  const auto body = out_body_ ? std::string_view(*out_body_) : std::string_view();
  if (out_done_ == out_.size() + body.size()) return on_written();
  const auto head = std::string_view(out_).substr(std::min(out_done_, out_.size()));
  const auto body_done = out_done_ - (out_.size() - head.size());
  const auto piece = body.substr(body_done, kWriteSize);
  out_done_ += head.size() + piece.size();
  if (tls_) {
    if (!tls_->write(head) || !tls_->write(piece)) return close();
    return flush([self = shared_from_this()] { self->write_next(); });
  }
  const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head.data(), head.size()),
                                                     asio::buffer(piece.data(), piece.size())};
  asio::async_write(socket_, buffers, [self = shared_from_this()](error_code code, std::size_t) {
    if (code) return self->close();
    self->write_next();
  });
}

void Connection::on_written() {
  out_body_.reset();
  if (close_after_) return linger();
  decoder_.next();
  have_verdict_ = false;
  set_deadline(reactor_.shared->options.idle_timeout);
  if (begin_ < end_) return advance();
  read();
}

/// Says goodbye and waits shortly for the client to do so: closing with unread bytes would send a reset that
/// can destroy the answer on its way.
void Connection::linger() {
  phase_ = Phase::lingering;
  set_deadline(kLinger);
  if (!tls_) return drain();
  tls_->shutdown();
  flush([self = shared_from_this()] { self->drain(); });
}

void Connection::drain() {
  error_code ignored;
  auto& socket = socket_;
  if (!socket.is_open()) return;
  if (phase_ == Phase::lingering) socket.shutdown(Tcp::socket::shutdown_send, ignored);
  socket.async_read_some(asio::buffer(buffer_), [self = shared_from_this()](error_code code, std::size_t) {
    if (code) return self->close();
    self->drain();
  });
}

}  // namespace hlid::net
