// The realm: the node's bridges, taps, NAT and names in a network namespace of their own, so that the host's
// network stays as it is and no root is needed. It is kept by a process of its own (holder.h) and outlives
// the daemon; this class is the daemon's hand on it.
//
// Ports are published by a forwarder (forward/run_forwarder.h) that the holder keeps running. It is none of
// the uplink's business: those of slirp4netns and pasta are set at their start or one by one, know no more
// than one machine behind a port, and end with the uplink.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/forward/status.h"
#include "node/network/interfaces.h"
#include "node/network/network.h"
#include "node/network/realm_state.h"
#include "sys/process.h"

namespace hlid::node::network {

/// Safe for use from several threads.
class Realm : public Network {
 public:
  /// `program` is the path of hlid-node, whose subcommands realm-hold and enter are used.
  Realm(std::filesystem::path node_folder, std::string program, sys::ProcessRunner& runner);

  /// Finds the running realm or starts one, and makes its bridges as `config` says; from then on every start
  /// makes them so. Throws Error(precondition) with a hint when a program or a right is missing, Error(usage)
  /// for a configuration that cannot be.
  void apply(const NetworkConfig& config);

  /// Finds the running realm or starts one. True when it was there already, with its machines. A killed
  /// holder is replaced; the namespaces and all in them are kept.
  bool ensure();

  std::vector<std::string> command_prefix() override;
  void add_taps(const std::vector<Tap>& taps) override;
  void remove_taps(Vmid vmid) override;
  void set_hosts(const std::vector<Host>& hosts) override;
  std::map<std::string, Traffic> traffic() override;

  /// Publishes these ports of the host and no others, also after a restart of the realm's own processes.
  /// `strict`: a port that cannot be had is an error (its kind, text and hint are made to be shown), and then
  /// nothing has changed; else it is tried again from time to time. Throws as ensure().
  void publish(const std::vector<forward::Rule>& rules, bool strict);
  /// How the published ports do; empty while the realm or its forwarder is down.
  std::vector<forward::PortStatus> published();

  /// Removes the taps of machines that are not in `running`. For the node's start.
  void sweep(const std::set<Vmid>& running);

  /// What is there; for status pages and tests. Empty when the realm is down.
  std::vector<Link> links();
  std::optional<RealmState> state() const;

  /// Ends the holder, the uplink and the name service and removes the realm's files. Throws
  /// Error(precondition), having done nothing, while anything else lives in it (a machine).
  void destroy();

 private:
  std::vector<std::string> prefix(const RealmState& state, bool keep_capabilities) const;
  std::string run_inside(const RealmState& state, const std::vector<std::string>& argv,
                         const std::string& input = {});
  void run_ip(const RealmState& state, const std::string& batch);
  std::vector<Link> links_of(const RealmState& state);
  void make_so(const RealmState& state, const NetworkConfig& config);
  RealmState start();
  RealmState up();

  RealmFiles files_;
  std::string program_;
  sys::ProcessRunner& runner_;
  std::mutex ensure_;  ///< one start at a time; held across it on purpose, as others cannot go on without it
  std::optional<NetworkConfig> config_;  ///< guarded by ensure_
  std::mutex hosts_;                     ///< the name service's files
};

}  // namespace hlid::node::network
