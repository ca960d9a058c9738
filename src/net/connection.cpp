#include "net/connection.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace hlid::net {
namespace {

using boost::system::error_code;
using namespace std::chrono_literals;

constexpr auto kBodyIdle = 30s;
constexpr auto kWriteTime = 60s;
constexpr auto kLinger = 2s;
constexpr std::size_t kWriteSize = 64U << 10;  ///< plain bytes encrypted and sent at once
constexpr std::size_t kSmallBody = 16U << 10;  ///< up to here head and body go out as one
constexpr unsigned char kTlsHandshake =
    0x16;  // RFC 8446, section 5.1: the first byte of a ClientHello record

/// Hands the answer to its connection, whatever thread it comes from. If it is dropped without an answer, the
/// client gets a 500 instead of silence.
class Answer {
 public:
  Answer(std::weak_ptr<Reactor> reactor, std::weak_ptr<Connection> connection)
      : reactor_(std::move(reactor)), connection_(std::move(connection)) {}
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer() {
    ServerResponse lost;
    lost.status = 500;
    lost.reason = "no answer";
    lost.close = true;
    give(std::move(lost));
  }
  void give(ServerResponse response) {
    if (given_.exchange(true)) return;
    // The order matters: the connection must go before the reactor that its socket belongs to.
    const auto reactor = reactor_.lock();
    if (!reactor) return;
    auto connection = connection_.lock();
    if (!connection) return;
    asio::dispatch(reactor->io,
                   [connection = std::move(connection), response = std::move(response)]() mutable {
                     connection->answer(std::move(response));
                   });
  }

 private:
  std::weak_ptr<Reactor> reactor_;
  std::weak_ptr<Connection> connection_;
  std::atomic<bool> given_{false};
};

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

bool write_all(int fd, const std::string& bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto wrote = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return false;
    done += static_cast<std::size_t>(wrote);
  }
  return true;
}

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

template <typename Next>
void Connection::flush(Next next) {
  const auto output = tls_->output();
  if (output.empty()) return next();
  asio::async_write(
      socket_, asio::buffer(output.data(), output.size()),
      [self = shared_from_this(), next = std::move(next)](error_code code, std::size_t) mutable {
        if (code) return self->close();
        self->tls_->output_sent();
        next();
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

/// The head is whole: asks the handler what it thinks of a body.
void Connection::on_head() {
  auto& request = decoder_.request();
  request.tls = tls_.has_value();
  request.peer = peer_;
  have_verdict_ = true;
  body_size_ = 0;
  answered_ = false;
  const bool has_body = decoder_.state() == RequestDecoder::State::body;
  try {
    verdict_ = reactor_.shared->handler.on_head(request);
  } catch (const std::exception& failure) {
    log::error("http: {}", failure.what());
    ServerResponse broken;
    broken.status = 500;
    broken.reason = "internal error";
    verdict_.refuse = std::move(broken);
  }
  if (verdict_.refuse) {
    auto refusal = std::move(*verdict_.refuse);
    refusal.close = true;
    phase_ = Phase::answering;
    return answer(std::move(refusal));
  }
  if (!has_body) return on_body();
  const auto length = decoder_.content_length();
  if (length && *length > static_cast<std::uint64_t>(verdict_.limit)) {
    verdict_.too_large.close = true;
    phase_ = Phase::answering;
    return answer(std::move(verdict_.too_large));
  }
  if (!verdict_.spool.empty()) {
    spool_.reset(::open(verdict_.spool.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!spool_) return on_spooled(system_error("cannot create '" + verdict_.spool.string() + "'").what());
  }
  set_deadline(kBodyIdle);
  const auto expect = find_header(request.headers, "Expect");
  if (!expect || to_lower(*expect) != "100-continue" || end_ > begin_) return on_body();
  static const std::string kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  if (tls_) {
    if (!tls_->write(kContinue)) return close();
    return flush([self = shared_from_this()] { self->on_body(); });
  }
  asio::async_write(socket_, asio::buffer(kContinue),
                    [self = shared_from_this()](error_code code, std::size_t) {
                      if (code) return self->close();
                      self->on_body();
                    });
}

/// Takes the body bytes that have come; when it is whole, the request goes to the handler.
void Connection::on_body() {
  auto& body = decoder_.request().body;
  if (body_size_ + static_cast<std::int64_t>(body.size()) > verdict_.limit) {
    spool_.reset();
    if (!verdict_.spool.empty()) ::unlink(verdict_.spool.c_str());
    verdict_.too_large.close = true;
    phase_ = Phase::answering;
    return answer(std::move(verdict_.too_large));
  }
  if (spool_ && !body.empty()) return spool_body();
  if (decoder_.state() == RequestDecoder::State::done) return dispatch();
  if (begin_ < end_ && !stalled_) return advance();
  if (spool_) set_deadline(kBodyIdle);  // a body in memory has that long in all
  read();
}

void Connection::spool_body() {
  phase_ = Phase::spooling;
  no_deadline();
  auto bytes = std::make_shared<std::string>(std::move(decoder_.request().body));
  decoder_.request().body.clear();
  body_size_ += static_cast<std::int64_t>(bytes->size());
  asio::post(reactor_.shared->spool, [self = shared_from_this(), weak = weak_reactor_, bytes]() mutable {
    auto problem =
        write_all(self->spool_.get(), *bytes) ? std::string() : std::string(system_error("upload").what());
    const auto reactor = weak.lock();
    if (!reactor) return;
    asio::post(reactor->io,
               [self = std::move(self), problem = std::move(problem)] { self->on_spooled(problem); });
  });
}

void Connection::on_spooled(std::string problem) {
  if (problem.empty()) {
    set_deadline(kBodyIdle);
    return on_body();
  }
  spool_.reset();
  ::unlink(verdict_.spool.c_str());
  ServerResponse failed;
  failed.status = 500;
  failed.reason = problem;
  failed.close = true;
  phase_ = Phase::answering;
  answer(std::move(failed));
}

void Connection::dispatch() {
  phase_ = Phase::answering;
  no_deadline();
  auto request = std::move(decoder_.request());
  if (spool_) {
    spool_.reset();
    request.spool = verdict_.spool;
  }
  auto pending = std::make_shared<Answer>(weak_reactor_, weak_from_this());
  try {
    reactor_.shared->handler.handle(
        std::move(request), [pending](ServerResponse response) { pending->give(std::move(response)); });
  } catch (const std::exception& failure) {
    log::error("http: {}", failure.what());
  }
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
