#include "pve/publish.h"

#include "base/text.h"
#include "pve/read.h"
#include "wire/api_error.h"

namespace hlid::pve {
namespace {

std::string path_for(const std::string& node) {
  return path_of({"nodes", node, "hlid", "publish"});
}

std::vector<PublishedBackend> backends_of(const json::object& row) {
  std::vector<PublishedBackend> backends;
  const auto* list = row.if_contains("backends");
  if (list == nullptr) return backends;
  for (const auto& value : list_of(*list, "the back-ends")) {
    const auto& backend = object_of(value, "a back-end");
    backends.push_back({text_or(backend, "address"), text_or(backend, "health"), text_or(backend, "error")});
  }
  return backends;
}

/// The node puts the advice into a line of its own (publish_verbs.cpp).
Error refusal(const std::string& text) {
  constexpr std::string_view kFix = "\nfix: ";
  const auto fix = text.find(kFix);
  Error error(Errc::failed, "{}", text.substr(0, fix));
  if (fix != std::string::npos) error.with_hint(text.substr(fix + kFix.size()));
  return error;
}

}  // namespace

std::vector<PublishedPort> published_ports(const Session& session, const std::string& node) {
  const auto data = session.get(path_for(node));
  std::vector<PublishedPort> ports;
  for (const auto& value : list_of(data, "the published ports")) {
    const auto& row = object_of(value, "a published port");
    PublishedPort port;
    port.listen = parse_ipv4(text_or(row, "listen")).value_or(Ipv4{});
    port.port = static_cast<int>(number_or(row, "port"));
    port.to = split_list(text_or(row, "to"), ";");
    port.lab = text_or(row, "lab");
    port.active = flag_or(row, "active");
    port.error = text_or(row, "error");
    port.connections = static_cast<int>(number_or(row, "connections"));
    port.backends = backends_of(row);
    ports.push_back(std::move(port));
  }
  return ports;
}

std::string print_published_port(const PublishedPort& port) {
  return fmt::format("listen={},port={},to={}", to_string(port.listen), port.port, join(port.to, ";"));
}

void publish_ports(const Session& session, const std::string& node, const std::string& lab,
                   const std::vector<std::string>& ports) {
  Form form{{"lab", lab}};
  for (const auto& port : ports) form.emplace_back("ports", port);
  try {
    session.put(path_for(node), form);
  } catch (const wire::ApiError& error) {
    if (error.status() == 501)
      throw Error(Errc::failed, "the running hlid-node is older than this hlid and publishes no ports")
          .with_hint("hlid node stop && hlid node start (machines go on)");
    const auto found = error.errors().find("ports");
    if (error.status() != 400 || found == error.errors().end()) throw;
    throw refusal(found->second);
  }
}

}  // namespace hlid::pve
