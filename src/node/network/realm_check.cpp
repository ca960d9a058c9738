#include "node/network/realm_check.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "node/network/child.h"
#include "node/network/uplink.h"
#include "sys/namespaces.h"
#include "sys/programs.h"

namespace hlid::node::network {
namespace {

int try_namespaces(int report) {
  try {
    sys::unshare_network(!sys::may_unshare_network());
    return 0;
  } catch (const Error& error) {
    const auto text = fmt::format("{}\n{}", error.what(), error.hint());
    return ::write(report, text.data(), text.size()) < 0 ? 2 : 1;
  }
}

std::optional<Lack> namespace_problem() {
  Pipe report = make_pipe();
  const auto child = fork_child([&] { return try_namespaces(report.write.get()); });
  report.write.reset();
  const auto answer = read_to_end(report.read.get());
  ::waitpid(child.pid, nullptr, 0);
  if (answer.empty()) return std::nullopt;
  const auto lines = split(answer, '\n');
  return Lack{lines.front(), lines.back()};
}

}  // namespace

std::vector<Lack> missing_for_realm() {
  std::vector<Lack> lacks;
  constexpr std::array<std::pair<const char*, const char*>, 3> kPrograms{
      {{"ip", "iproute2"}, {"nft", "nftables"}, {"dnsmasq", "dnsmasq-base"}}};
  for (const auto& [program, package] : kPrograms)
    if (!sys::find_program(program))
      lacks.push_back({fmt::format("'{}' is not installed", program), fmt::format("install {}", package)});
  if (!find_uplink())
    lacks.push_back({"neither 'slirp4netns' nor 'pasta' is installed", "install slirp4netns or passt"});
  if (::access("/dev/net/tun", R_OK | W_OK) != 0)
    lacks.push_back(
        {"'/dev/net/tun' cannot be opened by this user", "as root: modprobe tun && chmod 0666 /dev/net/tun"});
  return lacks;
}

std::vector<Lack> check_realm() {
  auto lacks = missing_for_realm();
  if (auto problem = namespace_problem()) lacks.push_back(std::move(*problem));
  return lacks;
}

}  // namespace hlid::node::network
