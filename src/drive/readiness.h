#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "model/homelab.h"
#include "pve/vms.h"

/// When is a machine usable? A chain of named links, each with its own deadline:
/// QEMU runs → the guest agent answers → the address is set → cloud-init is done.
namespace hlid::drive {

enum class Link { running, agent, address, cloud_init };
std::string_view to_string(Link link);

struct Deadlines {
  std::chrono::seconds running, agent, address, cloud_init;
  /// Guests without hardware virtualization boot many times slower.
  static Deadlines usual(bool emulated);
  std::chrono::seconds of(Link link) const;
};

/// How far a machine is.
struct ChainState {
  std::optional<Link> broken;  ///< the first link that does not hold; nullopt: ready
  std::string detail;          ///< "no address yet", "cloud-init: running" …
  bool hopeless = false;       ///< waiting does not help (cloud-init ended with errors)
};

/// Looks once.
ChainState probe(const pve::Session& session, const pve::VmRef& vm, const model::Machine& machine);

struct ReadinessWatch {
  std::function<void(const std::string& phase)> on_phase;
  /// The last lines of the serial console, where they are kept; may be empty.
  std::function<std::string()> console_tail;
};

/// Waits until the chain holds. Throws Error(timeout or failed) that names the first broken link, with
/// evidence (last lines of console, cloud-init and journal) and what to do.
void wait_until_ready(const pve::Session& session, const pve::VmRef& vm, const model::Machine& machine,
                      const Deadlines& deadlines, const ReadinessWatch& watch);

}  // namespace hlid::drive
