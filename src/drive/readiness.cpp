#include "drive/readiness.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "drive/evidence.h"
#include "pve/agent.h"
#include "wire/api_error.h"

namespace hlid::drive {
namespace {

constexpr const char* kCloudInitResult = "/run/cloud-init/result.json";
constexpr const char* kCloudInitStatus = "/run/cloud-init/status.json";

std::string phase_text(Link link, const model::Machine& machine) {
  switch (link) {
    case Link::running:
      return "starting";
    case Link::agent:
      return "booting";
    case Link::address:
      return "waiting for address " + to_string(machine.address.address);
    case Link::cloud_init:
      return "cloud-init";
  }
  return {};
}

bool has_address(const std::vector<pve::GuestInterface>& interfaces, Ipv4 wanted) {
  return std::any_of(interfaces.begin(), interfaces.end(), [&](const auto& interface) {
    return std::any_of(interface.addresses.begin(), interface.addresses.end(),
                       [&](const Cidr& cidr) { return cidr.address == wanted; });
  });
}

/// The errors that cloud-init wrote into its result (cloud-init, /run/cloud-init/result.json).
std::vector<std::string> errors_in(const std::string& result) {
  std::vector<std::string> errors;
  const auto value = parse_json(result, kCloudInitResult);
  const auto* v1 = value.is_object() ? value.get_object().if_contains("v1") : nullptr;
  const auto* list = v1 != nullptr && v1->is_object() ? v1->get_object().if_contains("errors") : nullptr;
  if (list == nullptr || !list->is_array()) return errors;
  for (const auto& error : list->get_array())
    errors.push_back(error.is_string() ? std::string(error.get_string()) : to_text(error));
  return errors;
}

/// A guest without cloud-init has nothing to wait for.
bool has_cloud_init(const pve::Session& session, const pve::VmRef& vm) {
  if (pve::guest_read_file(session, vm, "/run/cloud-init/disabled")) return false;
  if (pve::guest_read_file(session, vm, kCloudInitStatus)) return true;
  return pve::guest_read_file(session, vm, "/usr/bin/cloud-init").has_value();
}

ChainState cloud_init_state(const pve::Session& session, const pve::VmRef& vm) {
  const auto result = pve::guest_read_file(session, vm, kCloudInitResult);
  if (!result) {
    if (!has_cloud_init(session, vm)) return {};
    return {Link::cloud_init, "cloud-init has not finished", false};
  }
  const auto errors = errors_in(*result);
  if (errors.empty()) return {};
  return {Link::cloud_init, "cloud-init ended with errors: " + join(errors, "; "), true};
}

std::string fix_for(Link link, const model::Machine& machine) {
  switch (link) {
    case Link::running:
      return "hlid console " + machine.name;
    case Link::agent:
      return "hlid console " + machine.name;
    case Link::address:
      return "hlid logs " + machine.name;
    case Link::cloud_init:
      return "hlid logs " + machine.name;
  }
  return {};
}

[[noreturn]] void give_up(const pve::Session& session, const pve::VmRef& vm, const model::Machine& machine,
                          const ChainState& state, const Deadlines& deadlines, const ReadinessWatch& watch) {
  const auto link = *state.broken;
  const auto evidence = evidence_of(session, vm, link, watch);
  const auto code = state.hopeless ? Errc::failed : Errc::timeout;
  const auto waited = state.hopeless ? std::string() : fmt::format(" after {} s", deadlines.of(link).count());
  Error error(code, "{} is not ready: link '{}' does not hold{}: {}{}", machine.name, to_string(link), waited,
              state.detail, evidence);
  error.with_hint(fix_for(link, machine));
  throw error;
}

/// The agent answered already, so its silence in the middle of a look is a moment's (a restart of it).
ChainState look_inside(const pve::Session& session, const pve::VmRef& vm, const model::Machine& machine) {
  try {
    if (!has_address(pve::guest_interfaces(session, vm), machine.address.address))
      return {Link::address, "no interface has " + to_string(machine.address.address), false};
    return cloud_init_state(session, vm);
  } catch (const Error& error) {
    if (error.code() == Errc::interrupted || error.code() == Errc::denied) throw;
    return {Link::agent, error.message(), false};
  }
}

}  // namespace

std::string_view to_string(Link link) {
  switch (link) {
    case Link::running:
      return "running";
    case Link::agent:
      return "agent";
    case Link::address:
      return "address";
    case Link::cloud_init:
      return "cloud-init";
  }
  return "unknown";
}

Deadlines Deadlines::usual(bool emulated) {
  using std::chrono::seconds;
  if (emulated) return {seconds(60), seconds(1800), seconds(600), seconds(1800)};
  return {seconds(30), seconds(240), seconds(120), seconds(600)};
}

std::chrono::seconds Deadlines::of(Link link) const {
  switch (link) {
    case Link::running:
      return running;
    case Link::agent:
      return agent;
    case Link::address:
      return address;
    case Link::cloud_init:
      return cloud_init;
  }
  return running;
}

ChainState probe(const pve::Session& session, const pve::VmRef& vm, const model::Machine& machine) {
  const auto status = pve::find_status(session, vm);
  if (!status) return {Link::running, "does not exist", true};
  if (!status->running()) return {Link::running, status->status, false};
  try {
    if (!pve::agent_ping(session, vm)) return {Link::agent, "the guest agent does not answer", false};
  } catch (const wire::ApiError& error) {
    if (!contains(error.message(), "is not running")) throw;
    return {Link::running, "stopped", false};  // between the two questions
  }
  return look_inside(session, vm, machine);
}

void wait_until_ready(const pve::Session& session, const pve::VmRef& vm, const model::Machine& machine,
                      const Deadlines& deadlines, const ReadinessWatch& watch) {
  using std::chrono::milliseconds;
  auto reached = Link::running;
  auto since = session.clock().now();
  milliseconds pause{100};
  while (true) {
    const auto state = probe(session, vm, machine);
    if (!state.broken) return;
    if (state.hopeless) give_up(session, vm, machine, state, deadlines, watch);
    if (*state.broken > reached) {
      reached = *state.broken;
      since = session.clock().now();
      pause = milliseconds(100);
      watch.on_phase(phase_text(reached, machine));
    }
    if (session.clock().now() - since >= deadlines.of(*state.broken))
      give_up(session, vm, machine, state, deadlines, watch);
    if (!session.clock().sleep(pause, session.stop()))
      throw Error(Errc::interrupted, "stopped while waiting for {}", machine.name);
    pause = std::min(pause * 3 / 2, milliseconds(2000));
  }
}

}  // namespace hlid::drive
