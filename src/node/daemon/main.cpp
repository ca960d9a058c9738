// hlid-node: the embedded node. `daemon` is the service; the other words are small programs that it, or
// `hlid`, starts. Those that join namespaces must run before any thread exists.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "base/version.h"
#include "node/daemon/arguments.h"
#include "node/daemon/daemon.h"
#include "node/forward/run_forwarder.h"
#include "node/forward/socket_source.h"
#include "node/network/holder.h"
#include "node/network/inside.h"
#include "node/network/realm_check.h"
#include "sys/home.h"

namespace hlid::node::daemon {
namespace {

constexpr const char* kUsage =
    "usage: hlid-node daemon --home HOME --node NAME [--listen ADDRESS] [--port PORT]\n"
    "       hlid-node dial --home HOME --node NAME ADDRESS PORT\n"
    "       hlid-node check\n"
    "       hlid-node version\n";

sys::ProcessId parse_process(const std::string& text) {
  const auto parts = split(text, ':');
  if (parts.size() != 2) throw Error(Errc::usage, "'{}' is not PID:START", text);
  return {parse_number(parts[0], 1, 1 << 30, "process"), std::strtoull(parts[1].c_str(), nullptr, 10)};
}

/// enter PID:START [--keep-capabilities] -- PROGRAM ARGUMENT…
int enter(const std::vector<std::string>& given) {
  const Arguments arguments(given, {}, {"keep-capabilities"});
  if (arguments.words().size() < 2)
    throw Error(Errc::usage, "usage: hlid-node enter PID:START -- PROGRAM ARGUMENT…");
  const std::vector<std::string> argv(arguments.words().begin() + 1, arguments.words().end());
  network::enter_realm(parse_process(arguments.words().front()), arguments.has("keep-capabilities"), argv);
}

int dial(const std::vector<std::string>& given) {
  const Arguments arguments(given, {"home", "node"});
  arguments.expect_words(2, "dial --home HOME --node NAME ADDRESS PORT");
  const std::filesystem::path home = arguments.option("home").value_or(sys::hlid_home().string());
  const auto port = parse_number(arguments.words()[1], 1, 65535, "port");
  network::dial(home / "nodes" / arguments.required("node"), arguments.words()[0],
                static_cast<std::uint16_t>(port));
  return 0;
}

int serve(const std::vector<std::string>& given) {
  const Arguments arguments(given, {"home", "node", "listen", "port"});
  arguments.expect_words(0, "daemon --home HOME --node NAME [--listen ADDRESS] [--port PORT]");
  DaemonOptions options{.home = arguments.option("home").value_or(sys::hlid_home().string()),
                        .node = arguments.required("node")};
  options.listen = arguments.option("listen").value_or(options.listen);
  if (const auto port = arguments.option("port"))
    options.port = static_cast<std::uint16_t>(parse_number(*port, 0, 65535, "port"));
  run_daemon(options);
  return 0;
}

/// What keeps this host from running machines' network, as JSON: {"lacks":[{"what":…,"fix":…}]}. Ends with 4
/// if any.
int check(const std::vector<std::string>& given) {
  Arguments(given, {}).expect_words(0, "check");
  json::array lacks;
  for (const auto& lack : network::check_realm())
    lacks.push_back(json::object{{"what", lack.what}, {"fix", lack.fix}});
  const bool ok = lacks.empty();
  std::puts(to_text(json::object{{"lacks", std::move(lacks)}}).c_str());
  return ok ? 0 : 4;
}

int hold(const std::vector<std::string>& given) {
  const Arguments arguments(given, {});
  arguments.expect_words(1, "realm-hold FOLDER");
  return network::hold_realm(arguments.words().front());
}

/// realm-forward FOLDER FD
int forward_ports(const std::vector<std::string>& given) {
  const Arguments arguments(given, {});
  arguments.expect_words(2, "realm-forward FOLDER FD");
  forward::run_forwarder(arguments.words()[0], parse_number(arguments.words()[1], 3, 1 << 20, "descriptor"));
  return 0;
}

/// realm-sockets FD
int make_sockets(const std::vector<std::string>& given) {
  const Arguments arguments(given, {});
  arguments.expect_words(1, "realm-sockets FD");
  forward::serve_sockets(parse_number(arguments.words()[0], 3, 1 << 20, "descriptor"));
  return 0;
}

int run(const std::string& word, const std::vector<std::string>& rest) {
  if (word == "enter") return enter(rest);
  if (word == "dial") return dial(rest);
  if (word == "daemon") return serve(rest);
  if (word == "version") return std::printf("hlid-node %s\n", std::string(version()).c_str()), 0;
  if (word == "check") return check(rest);
  if (word == "realm-hold") return hold(rest);
  if (word == "realm-forward") return forward_ports(rest);
  if (word == "realm-sockets") return make_sockets(rest);
  std::fputs(kUsage, stderr);
  return 2;
}

int report(const Error& error) {
  std::fprintf(stderr, "hlid-node: %s\n", error.what());
  if (!error.hint().empty()) std::fprintf(stderr, "fix: %s\n", error.hint().c_str());
  switch (error.code()) {
    case Errc::usage:
    case Errc::spec:
      return 2;
    case Errc::denied:
      return 3;
    case Errc::precondition:
      return 4;
    case Errc::failed:
    case Errc::not_found:
    case Errc::conflict:
    case Errc::timeout:
    case Errc::interrupted:
    case Errc::io:
    case Errc::protocol:
    case Errc::unsupported:
      break;
  }
  return 1;
}

}  // namespace
}  // namespace hlid::node::daemon

int main(int argc, char** argv) {
  using namespace hlid;
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    return node::daemon::run(
        words.empty() ? "" : words.front(),
        words.empty() ? words : std::vector<std::string>(words.begin() + 1, words.end()));
  } catch (const Error& error) {
    return node::daemon::report(error);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hlid-node: %s\n", error.what());
    return 1;
  }
}
