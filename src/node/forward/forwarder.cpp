#include "node/forward/forwarder.h"

#include <algorithm>

#include "base/error.h"

namespace hlid::node::forward {
namespace {

constexpr std::size_t kScratch = 64U << 10;

void check(const std::vector<Rule>& rules) {
  for (auto rule = rules.begin(); rule != rules.end(); ++rule) {
    if (rule->to.empty()) throw Error(Errc::usage, "{} leads nowhere", to_string(rule->listen));
    for (auto other = rules.begin(); other != rule; ++other)
      if (collide(rule->listen, other->listen))
        throw Error(Errc::usage, "{} and {} are the same port", to_string(other->listen),
                    to_string(rule->listen));
  }
}

bool listens(const std::vector<Rule>& rules, const Endpoint& endpoint) {
  return std::any_of(rules.begin(), rules.end(), [&](const Rule& rule) { return rule.listen == endpoint; });
}

}  // namespace

Forwarder::Forwarder(EventLoop& loop, SocketSource& sockets, int connections)
    : scratch_(kScratch), workshop_{loop, sockets, scratch_}, connections_(connections) {}

Port* Forwarder::find(const Endpoint& listen) const {
  for (const auto& port : ports_)
    if (port->rule().listen == listen) return port.get();
  return nullptr;
}

/// Closes the ports that go where a new one could not be opened beside them.
void Forwarder::make_room(const std::vector<Rule>& rules) {
  for (const auto& port : ports_) {
    const auto& old = port->rule().listen;
    const bool in_the_way =
        std::any_of(rules.begin(), rules.end(), [&](const Rule& rule) { return collide(rule.listen, old); });
    if (in_the_way && !listens(rules, old)) port->close();
  }
}

/// The new ports; those that are there already are opened in place.
Forwarder::Ports Forwarder::open_all(const std::vector<Rule>& rules, Opening opening) {
  Ports made;
  for (const auto& rule : rules) {
    auto* port = find(rule.listen);
    if (port == nullptr) {
      made.push_back(std::make_unique<Port>(workshop_, rule, connections_));
      port = made.back().get();
    }
    opening == Opening::all_or_nothing ? port->open() : port->open_when_possible();
  }
  return made;
}

void Forwarder::set(const std::vector<Rule>& rules, Opening opening) {
  check(rules);
  make_room(rules);
  Ports made;
  try {
    made = open_all(rules, opening);
  } catch (const Error&) {
    for (const auto& port : ports_) port->open_when_possible();
    throw;
  }
  Ports next;
  for (const auto& rule : rules) {
    auto& from = find(rule.listen) != nullptr ? ports_ : made;
    const auto found = std::find_if(from.begin(), from.end(), [&](const auto& port) {
      return port != nullptr && port->rule().listen == rule.listen;
    });
    (*found)->set_targets(rule);
    next.push_back(std::move(*found));
    from.erase(found);
  }
  ports_ = std::move(next);
  share_out();
}

void Forwarder::share_out() {
  for (const auto& port : ports_)
    port->set_limit(std::max(1, connections_ / static_cast<int>(ports_.size())));
}

std::vector<Rule> Forwarder::rules() const {
  std::vector<Rule> rules;
  for (const auto& port : ports_) rules.push_back(port->rule());
  return rules;
}

std::vector<PortStatus> Forwarder::status() const {
  std::vector<PortStatus> ports;
  for (const auto& port : ports_) ports.push_back(port->status());
  return ports;
}

}  // namespace hlid::node::forward
