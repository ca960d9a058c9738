#include "node/forward/port.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "node/forward/listener.h"

namespace hlid::node::forward {
namespace {

constexpr std::chrono::seconds kBetweenOpenings{5};
constexpr std::chrono::seconds kOutOfDescriptors{1};
constexpr int kAcceptedPerTurn = 64;

}  // namespace

Port::Port(Workshop& workshop, Rule rule, int limit)
    : workshop_(workshop), rule_(std::move(rule)), limit_(limit), backends_(rule_.to) {
  plan_probe();
}

void Port::open() {
  if (listener_) return;
  listener_ = listen_on(rule_.listen);
  error_.clear();
  retry_.reset();
  listening_ = std::make_unique<Watch>(workshop_.loop, listener_.get(), [this] { accept_some(); });
  listen_again();
}

void Port::open_when_possible() {
  try {
    open();
  } catch (const Error& error) {
    if (error_ != error.what()) log::warn("{}", error.what());
    error_ = error.what();
    retry_ = std::make_unique<Timer>(workshop_.loop, workshop_.loop.now() + kBetweenOpenings,
                                     [this] { open_when_possible(); });
  }
}

void Port::close() {
  retry_.reset();
  listening_.reset();
  listener_.reset();
}

void Port::listen_again() {
  if (listening_) listening_->want(is_full() ? Watch::For::nothing : Watch::For::reading);
}

void Port::pause() {
  listening_->want(Watch::For::nothing);
  retry_ = std::make_unique<Timer>(workshop_.loop, workshop_.loop.now() + kOutOfDescriptors,
                                   [this] { listen_again(); });
}

void Port::accept_some() {
  for (int i = 0; i < kAcceptedPerTurn && !is_full(); ++i) {
    sys::UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (client) {
      begin(std::move(client));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      return pause();
    } else if (errno == EAGAIN) {
      return;
    }  // any other: that one client is gone again (accept(2))
  }
  listen_again();
}

void Port::begin(sys::UniqueFd client) {
  ++counters_.accepted;
  ConnectionKeeper& keeper = *this;
  auto connection = std::make_unique<Connection>(workshop_, backends_, counters_, keeper, std::move(client));
  connections_.emplace(connection.get(), std::move(connection));
}

void Port::has_ended(Connection& connection) {
  connections_.erase(&connection);
  listen_again();
}

/// After whatever may have changed what is due.
void Port::plan_probe() {
  const auto next = backends_.next_probe();
  next_probe_.reset();
  if (next) next_probe_ = std::make_unique<Timer>(workshop_.loop, *next, [this] { probe(); });
}

void Port::probe() {
  for (const auto& endpoint : backends_.to_probe(workshop_.loop.now())) {
    const auto done = [this, endpoint](const sys::UniqueFd& socket, const std::string& error) {
      if (socket) {
        backends_.answered(endpoint);
      } else {
        backends_.failed(endpoint, workshop_.loop.now(), error);
      }
      plan_probe();
      probes_.erase(endpoint);
    };
    probes_[endpoint] =
        std::make_unique<Dial>(workshop_.loop, workshop_.sockets, endpoint, kPatienceWithOne, done);
  }
  plan_probe();
}

void Port::set_targets(const Rule& rule) {
  rule_ = rule;
  backends_.set(rule.to);
  std::erase_if(probes_, [&](const auto& probe) { return !backends_.has(probe.first); });
  std::erase_if(connections_, [&](const auto& entry) {
    const auto& backend = entry.first->backend();
    return backend && !backends_.has(*backend);
  });
  listen_again();
  plan_probe();
}

void Port::set_limit(int limit) {
  limit_ = limit;
  listen_again();
}

PortStatus Port::status() const {
  return {.listen = listener_ ? name_of(listener_) : rule_.listen,
          .listening = static_cast<bool>(listener_),
          .error = error_,
          .active = static_cast<int>(connections_.size()),
          .limit = limit_,
          .accepted = counters_.accepted,
          .failed = counters_.failed,
          .received = counters_.received,
          .sent = counters_.sent,
          .backends = backends_.status()};
}

}  // namespace hlid::node::forward
