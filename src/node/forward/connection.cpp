#include "node/forward/connection.h"

namespace hlid::node::forward {

Connection::Connection(Workshop& workshop, Backends& backends, Counters& counters, ConnectionKeeper& keeper,
                       sys::UniqueFd client)
    : workshop_(workshop),
      backends_(backends),
      counters_(counters),
      keeper_(keeper),
      client_(std::move(client)),
      untried_(backends.candidates()) {
  set_up_stream(client_.get());
  dial_next();
}

Connection::~Connection() {
  if (client_) reset_on_close(client_.get());
  if (backend_) backends_.closed(*backend_);
}

/// There is one: a rule without back-ends is refused.
void Connection::dial_next() {
  const Endpoint to = untried_.front();
  untried_.erase(untried_.begin());
  const auto patience = untried_.empty() ? kPatienceWithTheLast : kPatienceWithOne;
  dial_ = std::make_unique<Dial>(
      workshop_.loop, workshop_.sockets, to, patience,
      [this, to](sys::UniqueFd socket, const std::string& error) { dialled(to, std::move(socket), error); });
}

void Connection::dialled(const Endpoint& to, sys::UniqueFd socket, const std::string& error) {
  if (socket) {
    dial_.reset();
    backends_.answered(to);
    backends_.opened(to);
    backend_ = to;
    return begin_relay(std::move(socket));
  }
  backends_.failed(to, workshop_.loop.now(), error);
  keeper_.backend_failed();
  if (!untried_.empty()) return dial_next();
  ++counters_.failed;
  keeper_.has_ended(*this);
}

void Connection::begin_relay(sys::UniqueFd server) {
  set_up_stream(server.get());
  relay_.emplace(std::move(client_), std::move(server));
  client_watch_ = std::make_unique<Watch>(workshop_.loop, relay_->client(), [this] { move(); });
  server_watch_ = std::make_unique<Watch>(workshop_.loop, relay_->server(), [this] { move(); });
  move();
}

void Connection::move() {
  const auto received = relay_->from_client();
  const auto sent = relay_->from_server();
  relay_->move(workshop_.scratch);
  counters_.received += relay_->from_client() - received;
  counters_.sent += relay_->from_server() - sent;
  if (relay_->is_over()) return keeper_.has_ended(*this);
  client_watch_->want(relay_->wanted_of_client());
  server_watch_->want(relay_->wanted_of_server());
}

}  // namespace hlid::node::forward
