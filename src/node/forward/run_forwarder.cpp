#include "node/forward/run_forwarder.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "node/forward/control.h"
#include "node/forward/forwarder.h"
#include "sys/clock.h"
#include "sys/files.h"

namespace hlid::node::forward {
namespace {

constexpr rlim_t kMostDescriptors = 65536;
constexpr rlim_t kOtherDescriptors = 256;  ///< listeners, attempts without a client, sockets kept ready

/// Two descriptors each, of as many as this user may have.
int possible_connections() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min(limit.rlim_max, kMostDescriptors);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<int>(std::max(limit.rlim_cur, kOtherDescriptors + 2) - kOtherDescriptors) / 2;
}

/// Nobody else is to be asked what was meant, so what cannot be read is left out and said.
std::vector<Rule> remembered(const ForwardFiles& files) {
  const auto text = sys::read_file_if_exists(files.rules());
  if (!text) return {};
  try {
    return rules_from_json(parse_json(*text, files.rules().string()));
  } catch (const Error& error) {
    log::warn("no port is published: {}", error.what());
    return {};
  }
}

json::object answer_to(const json::object& question, Forwarder& forwarder, const ForwardFiles& files) {
  const auto what = get_string(question, "do").value_or("");
  if (what == "status") return {{"ports", to_json(forwarder.status())}};
  if (what != "set") throw Error(Errc::protocol, "'{}' is nothing to do", what);
  const auto* given = question.if_contains("rules");
  const auto rules = rules_from_json(given == nullptr ? json::value() : *given);
  forwarder.set(rules, get_bool(question, "strict").value_or(false) ? Forwarder::Opening::all_or_nothing
                                                                    : Forwarder::Opening::what_is_possible);
  sys::write_durable(files.rules(), to_pretty_text(to_json(rules)), 0600);
  return {};
}

}  // namespace

void run_forwarder(const std::filesystem::path& folder, int sockets) {
  ::prctl(PR_SET_NAME, "hlid-forward");
  const ForwardFiles files{folder};
  sys::SystemClock clock;
  EventLoop loop(clock);
  FetchedSockets source{sys::UniqueFd(sockets)};
  Forwarder forwarder(loop, source, possible_connections());
  bool alone = false;
  Watch peer(loop, sockets, [&alone, sockets] {
    char byte = 0;
    alone = ::recv(sockets, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  });
  peer.want(Watch::For::reading);
  forwarder.set(remembered(files), Forwarder::Opening::what_is_possible);
  const Control control(loop, files.socket(),
                        [&](const json::object& question) { return answer_to(question, forwarder, files); });
  while (!alone) loop.run_once();
  throw Error(Errc::failed, "whoever makes sockets in the realm is gone");
}

}  // namespace hlid::node::forward
