// What happens to a request once its head is whole: the handler's verdict, the body in memory or in a file,
// the handler itself.
#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "net/connection.h"

namespace hlid::net {
namespace {

using boost::system::error_code;
using namespace std::chrono_literals;

constexpr auto kBodyIdle = 30s;

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

}  // namespace hlid::net
