#pragma once
// Internal to net: includes Asio, so only the server's own sources may include it.
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>

#include "net/request_decoder.h"
#include "net/tls_engine.h"
#include "sys/unique_fd.h"

namespace hlid::net {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using TimePoint = std::chrono::steady_clock::time_point;

class Connection;

/// What the connections of a server share.
struct ServerShared {
  ServerShared(ServerOptions given, HttpHandler& to)
      : options(std::move(given)), handler(to), tls(options.certificate_pem, options.key_pem) {}
  ServerOptions options;
  HttpHandler& handler;
  TlsContext tls;
  asio::thread_pool spool{1};  ///< writes spooled bodies: a slow disk must not hold up the I/O threads
  std::atomic<int> connections{0};
};

/// One I/O thread with its connections. A connection lives on exactly one of them and is touched by no other
/// thread.
struct Reactor {
  explicit Reactor(std::shared_ptr<ServerShared> server) : shared(std::move(server)) {}
  std::shared_ptr<ServerShared> shared;  ///< an answer under way may outlive the server
  asio::io_context io{1};
  asio::steady_timer sweeper{io};
  bool sweeping = false;
  std::unordered_set<std::shared_ptr<Connection>> open;

  void adopt(std::shared_ptr<Connection> connection);
  /// Drops the connections whose deadline is over, twice a second while there are any.
  void sweep();
};

/// One client: reads a request, hands it to the handler, writes the answer, and so on in turn. While an
/// answer is awaited nothing more is read, so pipelined requests are answered in their order.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Reactor& reactor, std::weak_ptr<Reactor> weak_reactor, Tcp::socket socket);
  ~Connection();
  void start();
  void close();
  TimePoint deadline() const { return deadline_; }
  /// The answer to the request in hand; called on the reactor's thread.
  void answer(ServerResponse response);

 private:
  void detect_tls();
  void handshake();
  void read();
  void read_plain();
  void read_encrypted();
  void on_read(std::size_t size);
  void advance();  ///< decodes what has been read and does what comes next
  void on_head();
  void on_body();
  void spool_body();
  void on_spooled(std::string problem);
  void dispatch();
  void reject_malformed();
  void write(ServerResponse response);
  void write_next();
  void on_written();
  void linger();
  void drain();
  void set_deadline(std::chrono::milliseconds duration);
  void no_deadline() { deadline_ = TimePoint::max(); }
  /// Sends what the TLS engine has to say and goes on with `next`; closes when that fails.
  template <typename Next>
  void flush(Next next);

  enum class Phase { reading, spooling, answering, lingering };

  Reactor& reactor_;
  std::weak_ptr<Reactor> weak_reactor_;
  Tcp::socket socket_;
  std::optional<TlsEngine> tls_;  ///< none: plain HTTP
  std::string peer_;
  TimePoint deadline_ = TimePoint::max();
  RequestDecoder decoder_;
  std::array<char, 16384> buffer_;  ///< plain bytes
  std::array<char, 16384> encrypted_;
  std::size_t begin_ = 0;  ///< read but not yet decoded: [begin_, end_)
  std::size_t end_ = 0;
  BodyVerdict verdict_;
  bool have_verdict_ = false;
  bool stalled_ = false;  ///< what is left in the buffer makes no sense without more
  std::int64_t body_size_ = 0;
  sys::UniqueFd spool_;
  bool answered_ = true;
  Phase phase_ = Phase::reading;
  std::string out_;  ///< the head of the answer, with a small body
  std::shared_ptr<const std::string> out_body_;
  std::size_t out_done_ = 0;  ///< of both together
  bool close_after_ = false;
  std::optional<asio::steady_timer> delay_;
};

template <typename Next>
void Connection::flush(Next next) {
  const auto output = tls_->output();
  if (output.empty()) return next();
  asio::async_write(socket_, asio::buffer(output.data(), output.size()),
                    [self = shared_from_this(), next = std::move(next)](boost::system::error_code code,
                                                                        std::size_t) mutable {
                      if (code) return self->close();
                      self->tls_->output_sent();
                      next();
                    });
}

}  // namespace hlid::net
