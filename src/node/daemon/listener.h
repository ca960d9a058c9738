// The API's listening socket: which port, and what clients then call it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/http_server.h"
#include "node/daemon/daemon.h"
#include "node/daemon/node_folder.h"
#include "node/daemon/server_identity.h"

namespace hlid::node::daemon {

/// The ports to try, in order: the one asked for, else the one that the last daemon here had, the usual one,
/// any.
std::vector<std::uint16_t> ports_to_try(const DaemonOptions& options, std::uint16_t last);
/// The port in what the last daemon announced, alive or not; 0 when none.
std::uint16_t last_port(const NodeFolder& folder);
/// "https://127.0.0.1:8006"; one that listens everywhere is called by the loopback address.
std::string url_of(const std::string& listen, std::uint16_t port);
/// Host names and addresses that the API's certificate must be for.
std::vector<std::string> certificate_names(const DaemonOptions& options);

/// Listens on the first of the ports that is free. Throws Error(io) when none is.
std::unique_ptr<net::HttpServer> listen(const DaemonOptions& options, const NodeFolder& folder,
                                        const ServerIdentity& identity, net::HttpHandler& handler);

}  // namespace hlid::node::daemon
