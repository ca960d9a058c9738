#pragma once
#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "cluster/guest.h"
#include "model/homelab.h"
#include "sys/clock.h"
#include "sys/entropy.h"

namespace hlid::cluster {

/// What every verb of this module works with: what the user wants, the machines, the clock to wait by. All of
/// it outlives the verb.
struct Site {
  const model::Homelab& lab;  ///< has a cluster
  Fleet& fleet;
  sys::Clock& clock;
  sys::Random& random;
  /// What it does right now, for the live line: "importing images". Verbs that work on several machines begin
  /// with the machine's name, as about() does. Called from several threads.
  std::function<void(const std::string&)> phase = [](const std::string&) {};
  std::stop_token stop = {};
  double patience = 1.0;    ///< deadlines times this: larger where guests are emulated
  std::size_t at_once = 8;  ///< machines that are asked at the same time

  const model::Cluster& wanted() const { return *lab.cluster; }
  /// Throws Error(not_found) for a name that the file does not have.
  const model::Machine& machine(const std::string& name) const;
  std::vector<const model::Machine*> servers() const;  ///< in the order of the file
  std::vector<const model::Machine*> agents() const;
  /// The same for one machine of several: its phases become "NAME: importing images"; "NAME: done" is the
  /// last.
  Site about(const std::string& machine) const;
};

}  // namespace hlid::cluster
