#include "net/http_server.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>

#include <thread>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "net/connection.h"

namespace hlid::net {
namespace {

using boost::system::error_code;

}  // namespace

struct HttpServer::State {
  State(ServerOptions options, HttpHandler& handler)
      : shared(std::make_shared<ServerShared>(std::move(options), handler)) {}

  std::shared_ptr<ServerShared> shared;
  std::vector<std::shared_ptr<Reactor>> reactors;
  std::optional<Tcp::acceptor> acceptor;
  std::optional<asio::steady_timer> pause;
  std::vector<std::jthread> threads;
  std::size_t next = 0;
  std::uint16_t port = 0;

  void listen();
  void accept();
  void on_accept(error_code code, Tcp::socket socket, std::weak_ptr<Reactor> reactor);
};

void HttpServer::State::listen() {
  const auto& options = shared->options;
  error_code code;
  const auto address = asio::ip::make_address(options.address, code);
  if (code) throw Error(Errc::usage, "'{}' is not an address to listen on", options.address);
  const Tcp::endpoint endpoint(address, options.port);
  auto& listener = acceptor.emplace(reactors.front()->io);
  listener.open(endpoint.protocol(), code);
  if (!code) listener.set_option(Tcp::acceptor::reuse_address(true), code);
  if (!code) listener.bind(endpoint, code);
  if (!code) listener.listen(asio::socket_base::max_listen_connections, code);
  if (code)
    throw Error(Errc::io, "cannot listen on {}:{}: {}", options.address, options.port, code.message());
  port = listener.local_endpoint().port();
}

void HttpServer::State::accept() {
  const auto& reactor = reactors[next++ % reactors.size()];
  // Weak: this waits in the queue of a reactor, which must not keep itself alive.
  acceptor->async_accept(reactor->io,
                         [this, weak = std::weak_ptr(reactor)](error_code code, Tcp::socket socket) {
                           on_accept(code, std::move(socket), weak);
                         });
}

void HttpServer::State::on_accept(error_code code, Tcp::socket socket, std::weak_ptr<Reactor> weak) {
  if (code == asio::error::operation_aborted) return;
  if (code) {
    // Most likely out of descriptors: other connections must end first.
    log::warn("http: cannot accept a connection: {}", code.message());
    pause.emplace(reactors.front()->io, std::chrono::milliseconds(100));
    pause->async_wait([this](error_code stopped) {
      if (!stopped) accept();
    });
    return;
  }
  if (shared->connections < shared->options.max_connections) {
    const auto reactor = weak.lock();
    asio::post(reactor->io, [weak, socket = std::move(socket)]() mutable {
      const auto home = weak.lock();
      home->adopt(std::make_shared<Connection>(*home, weak, std::move(socket)));
    });
  }
  accept();
}

HttpServer::HttpServer(ServerOptions options, HttpHandler& handler)
    : state_(std::make_unique<State>(std::move(options), handler)) {
  auto& state = *state_;
  for (int i = 0; i < std::max(1, state.shared->options.threads); ++i)
    state.reactors.push_back(std::make_shared<Reactor>(state.shared));
  state.listen();
  state.accept();
  for (const auto& reactor : state.reactors)
    state.threads.emplace_back([reactor] {  // the threads are joined before the reactors go
      const auto guard = asio::make_work_guard(reactor->io);
      reactor->io.run();
    });
}

HttpServer::~HttpServer() {
  auto& state = *state_;
  for (const auto& reactor : state.reactors) reactor->io.stop();
  state.threads.clear();
  state.shared->spool.join();
  state.acceptor.reset();
  state.pause.reset();
  for (const auto& reactor : state.reactors) reactor->open.clear();
}

std::uint16_t HttpServer::port() const {
  return state_->port;
}

}  // namespace hlid::net
