#include "node/daemon/listener.h"

#include <charconv>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "sys/files.h"

namespace hlid::node::daemon {
namespace {

constexpr std::uint16_t kUsualPort = 8006;

bool is_everywhere(const std::string& address) {
  return address == "0.0.0.0" || address == "::";
}

}  // namespace

std::vector<std::uint16_t> ports_to_try(const DaemonOptions& options, std::uint16_t last) {
  if (options.port) return {*options.port};
  if (last != 0 && last != kUsualPort) return {last, kUsualPort, 0};
  return {kUsualPort, 0};
}

std::uint16_t last_port(const NodeFolder& folder) {
  const auto announced = announced_endpoint(folder).value_or("");
  const auto colon = announced.rfind(':');
  if (colon == std::string::npos) return 0;
  std::uint16_t port = 0;
  const auto* end = announced.data() + announced.size();
  const auto [last, failure] = std::from_chars(announced.data() + colon + 1, end, port);
  return failure == std::errc{} && last == end ? port : 0;
}

std::string url_of(const std::string& listen, std::uint16_t port) {
  const auto address = is_everywhere(listen) ? "127.0.0.1" : listen;
  return address.find(':') == std::string::npos ? fmt::format("https://{}:{}", address, port)
                                                : fmt::format("https://[{}]:{}", address, port);
}

std::vector<std::string> certificate_names(const DaemonOptions& options) {
  std::vector<std::string> names{options.node, "localhost", "127.0.0.1"};
  if (!is_everywhere(options.listen) && options.listen != "127.0.0.1") names.push_back(options.listen);
  return names;
}

std::unique_ptr<net::HttpServer> listen(const DaemonOptions& options, const NodeFolder& folder,
                                        const ServerIdentity& identity, net::HttpHandler& handler) {
  const auto ports = ports_to_try(options, last_port(folder));
  for (const auto port : ports) {
    try {
      return std::make_unique<net::HttpServer>(net::ServerOptions{.address = options.listen,
                                                                  .port = port,
                                                                  .certificate_pem = identity.certificate_pem,
                                                                  .key_pem = identity.key_pem},
                                               handler);
    } catch (const Error& error) {
      if (port == ports.back()) throw;
      log::info("port {} is not free, trying another ({})", port, error.what());
    }
  }
  throw Error(Errc::io, "no port to listen on");
}

}  // namespace hlid::node::daemon
