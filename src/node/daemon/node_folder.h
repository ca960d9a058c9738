// Where a node keeps what: the contract with `hlid`, which reads client.json and daemon.json.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "sys/files.h"
#include "sys/process.h"

namespace hlid::node::daemon {

/// The folder of one node: $HLID_HOME/nodes/NAME.
class NodeFolder {
 public:
  /// Throws Error(usage) for a name that is no host name.
  NodeFolder(std::filesystem::path home, std::string node);

  const std::string& node() const { return node_; }
  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path etc() const { return root_ / "etc"; }
  std::filesystem::path priv() const { return root_ / "etc" / "priv"; }
  std::filesystem::path run() const { return root_ / "run"; }
  std::filesystem::path tasks() const { return root_ / "tasks"; }
  std::filesystem::path interfaces() const { return etc() / "interfaces"; }
  std::filesystem::path authority() const { return etc() / "ca.pem"; }
  std::filesystem::path client_file() const { return priv() / "client.json"; }
  std::filesystem::path daemon_file() const { return run() / "daemon.json"; }

  /// Makes the folders, with the modes that keep secrets in.
  void prepare() const;

  /// Keeps every other daemon out of this folder for as long as it lives; made in prepare()d folders. Throws
  /// Error(precondition) that names the process that is in.
  sys::FileLock occupy() const;

 private:
  std::string node_;
  std::filesystem::path root_;
};

/// A daemon that runs, by its own account.
struct Running {
  sys::ProcessId process;
  std::string endpoint;  ///< "https://127.0.0.1:8006"
};

/// Says that we serve at `endpoint`. Written last, when requests are answered.
void announce(const NodeFolder& folder, const std::string& endpoint);
void withdraw(const NodeFolder& folder);
/// The endpoint last announced, whether who did is alive or not.
std::optional<std::string> announced_endpoint(const NodeFolder& folder);
/// What was announced, if the process that did is alive.
std::optional<Running> find_running(const NodeFolder& folder);

}  // namespace hlid::node::daemon
