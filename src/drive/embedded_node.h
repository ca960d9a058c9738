#pragma once
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "base/secret.h"
#include "drive/folders.h"
#include "sys/clock.h"
#include "sys/process.h"

/// Starts, finds and stops our own node, which is another program (`hlid-node`): all that the two share are
/// the files under $HLID_HOME/nodes/<node> and the API.
namespace hlid::drive {

/// client.json: how to reach it.
struct NodeClient {
  std::string endpoint;
  Secret token;
  std::string ca_file;
};

/// daemon.json of a daemon that lives.
struct NodeDaemon {
  sys::ProcessId process;
  std::string endpoint;
};

class EmbeddedNode {
 public:
  EmbeddedNode(std::filesystem::path home, std::string node, sys::Clock& clock);

  /// nullopt when no daemon lives.
  std::optional<NodeDaemon> daemon() const;
  /// Throws Error(precondition) when the node was never started.
  NodeClient client() const;
  /// Starts the daemon, detached, unless it lives, and waits until it has written how to reach it. True when
  /// it was started now. Throws Error(precondition) when hlid-node is not installed, failed with the last
  /// lines of its log when it ends at once.
  bool start(std::stop_token stop = {});
  /// Ends the daemon (machines go on); false when none lived. Throws Error(timeout).
  bool stop_daemon(std::stop_token stop = {});

  const std::string& name() const { return node_; }
  const std::filesystem::path& home() const { return home_; }
  const NodeFolder& folder() const { return folder_; }

 private:
  std::optional<NodeDaemon> usable_daemon() const;
  [[noreturn]] void explain_failure() const;

  std::filesystem::path home_;
  std::string node_;
  NodeFolder folder_;
  sys::Clock& clock_;
};

/// hlid-node: beside our own program, else in PATH. Throws Error(precondition).
std::filesystem::path find_node_program();

}  // namespace hlid::drive
