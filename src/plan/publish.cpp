// Ports of the host that lead to machines. The whole list of the lab is one step, which the node takes or
// refuses as a whole; it comes first, so that a port that somebody else has is known before anything is
// built.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "plan/draft.h"

namespace hlid::plan {
namespace {

using model::Disruption;
using model::ObservedPublish;
using model::Publish;

std::string socket_text(Ipv4 address, int port) {
  return fmt::format("{}:{}", to_string(address), port);
}

std::vector<std::string> targets_of(const Publish& wanted) {
  std::vector<std::string> targets;
  for (const auto& address : wanted.addresses) targets.push_back(socket_text(address, wanted.target_port));
  return targets;
}

/// "worker (10.10.10.111:80, 10.10.10.112:80)"
std::string destination(const Publish& wanted) {
  const auto targets = join(targets_of(wanted), ", ");
  return targets == socket_text(wanted.addresses.front(), wanted.target_port) && parse_ipv4(wanted.to)
             ? targets
             : fmt::format("{} ({})", wanted.to, targets);
}

std::string property_string(const Publish& wanted) {
  return fmt::format("listen={},port={},to={}", to_string(wanted.listen), wanted.port,
                     join(targets_of(wanted), ";"));
}

const ObservedPublish* find_own(const Draft& draft, const Publish& wanted) {
  for (const auto& there : draft.there.published)
    if (there.lab == draft.lab() && there.listen == wanted.listen && there.port == wanted.port) return &there;
  return nullptr;
}

bool is_wanted(const Draft& draft, const ObservedPublish& there) {
  return std::any_of(draft.wanted.publish.begin(), draft.wanted.publish.end(), [&](const Publish& wanted) {
    return wanted.listen == there.listen && wanted.port == there.port;
  });
}

/// Why this port needs the step; "" when it does not.
std::string reason_of(const Draft& draft, const Publish& wanted) {
  const auto here = socket_text(wanted.listen, wanted.port);
  const auto* there = find_own(draft, wanted);
  if (there == nullptr) return fmt::format("{} → {}", here, destination(wanted));
  if (there->to != targets_of(wanted))
    return fmt::format("{} → {}, was {}", here, destination(wanted), join(there->to, ", "));
  if (there->active) return "";
  return fmt::format("{} does not listen{}{}", here, there->error.empty() ? "" : ": ", there->error);
}

std::vector<std::string> reasons_for(const Draft& draft) {
  std::vector<std::string> reasons;
  for (const auto& wanted : draft.wanted.publish)
    if (auto reason = reason_of(draft, wanted); !reason.empty()) reasons.push_back(std::move(reason));
  for (const auto& there : draft.there.published)
    if (there.lab == draft.lab() && !is_wanted(draft, there))
      reasons.push_back(fmt::format("{} is closed", socket_text(there.listen, there.port)));
  return reasons;
}

bool collide(const Publish& wanted, const ObservedPublish& there) {
  constexpr Ipv4 kEvery{0};
  return wanted.port == there.port &&
         (wanted.listen == there.listen || wanted.listen == kEvery || there.listen == kEvery);
}

void refuse_taken(Draft& draft) {
  for (const auto& wanted : draft.wanted.publish)
    for (const auto& there : draft.there.published)
      if (there.lab != draft.lab() && collide(wanted, there))
        draft.refuse("port-taken", socket_text(wanted.listen, wanted.port),
                     fmt::format("port {} of {} is published by {}", wanted.port, to_string(there.listen),
                                 there.lab.empty() ? "somebody else" : "lab '" + there.lab + "'"),
                     "publish another port, or take it out of the other lab's file and run 'hlid up' there");
}

void add_step(Draft& draft, std::vector<std::string> reasons, const std::vector<std::string>& ports) {
  auto step = make_step(StepKind::publish, draft.first_node(), {}, draft.first_node(), Disruption::live,
                        std::move(reasons));
  step.details = {{"ports", join(ports, " ")}};
  draft.add(std::move(step), {draft.network_step});
}

}  // namespace

void plan_publish(Draft& draft) {
  const auto& wanted = draft.wanted.publish;
  if (!draft.there.embedded) {
    if (!wanted.empty())
      draft.notice("publish-ignored", draft.first_node(),
                   fmt::format("{} not published: the machines of a Proxmox VE are on its own network, where "
                               "{} is reached as it is",
                               wanted.size() == 1 ? "the port is" : "the ports are",
                               targets_of(wanted.front()).front()));
    return;
  }
  refuse_taken(draft);
  auto reasons = reasons_for(draft);
  if (reasons.empty()) return;
  std::vector<std::string> ports;
  for (const auto& port : wanted) ports.push_back(property_string(port));
  add_step(draft, std::move(reasons), ports);
}

void plan_publish_nothing(Draft& draft) {
  std::vector<std::string> reasons;
  for (const auto& there : draft.there.published)
    if (there.lab == draft.lab())
      reasons.push_back(fmt::format("{} is closed", socket_text(there.listen, there.port)));
  if (!reasons.empty()) add_step(draft, std::move(reasons), {});
}

}  // namespace hlid::plan
