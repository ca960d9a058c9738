#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cluster/fetch.h"
#include "drive/connection.h"
#include "drive/disc_shelf.h"
#include "drive/embedded_node.h"
#include "drive/folders.h"
#include "drive/host_keys.h"
#include "drive/step_runner.h"
#include "drive/template_image.h"
#include "model/homelab.h"
#include "net/http_client.h"
#include "plan/diff.h"

namespace hlid::cli {

/// A homelab and the way to its hypervisor: what the commands that look at machines or change them share.
class LabSession {
 public:
  explicit LabSession(model::Homelab lab);
  LabSession(const LabSession&) = delete;
  LabSession& operator=(const LabSession&) = delete;

  const model::Homelab& lab() const { return lab_; }
  std::filesystem::path folder() const { return drive::lab_folder(home_, lab_.name).root; }

  /// Reaches the hypervisor, once; the embedded node is started if need be. Prints that it was.
  void connect(std::stop_token stop = {});
  /// The embedded node was never started, so there is nothing on it.
  bool is_new_node() const;
  /// What is there; of a node that was never started, what it will be.
  model::Observed observe(std::stop_token stop = {});
  pve::Session session(std::stop_token stop = {});
  bool emulated();

  std::unique_ptr<drive::PveStepRunner> step_runner();
  drive::HostKeys& host_keys() { return host_keys_; }
  drive::TemplateImage& image() { return image_; }
  std::optional<drive::EmbeddedNode>& node() { return node_; }
  sys::Clock& clock() { return clock_; }
  sys::ProcessRunner& processes() { return processes_; }
  const std::filesystem::path& home() const { return home_; }
  /// The last text of a machine's serial console, where the embedded node keeps it; else "".
  std::string console_tail(Vmid vmid) const;

  /// Where releases of the cluster's distribution are and how they are got. `progress` may be called from
  /// several threads.
  cluster::ReleaseAccess releases(
      std::stop_token stop = {},
      std::function<void(const cluster::FetchProgress&)> progress = [](const cluster::FetchProgress&) {});
  /// Discs that machines are lent; one shelf for all that is done in a session.
  drive::DiscShelf& discs() { return discs_; }

  /// The options of a plan: template key, what the journal left unfinished, and of a lab with a cluster which
  /// release is meant and whether it is to be had (`reach`: if it must be fetched, it is asked for).
  plan::Options plan_options(const model::Observed& there, bool reach, std::stop_token stop = {});
  std::set<std::string> unfinished() const;

 private:
  void leave_out_unset_password();
  model::Observed new_node() const;

  model::Homelab lab_;
  std::filesystem::path home_;
  sys::SystemClock clock_;
  sys::PosixProcessRunner processes_;
  drive::Secrets secrets_;
  drive::TemplateImage image_;
  drive::HostKeys host_keys_;
  drive::DiscShelf discs_;
  std::vector<model::Machine> former_;  ///< members that the file does not name, as last observed
  net::CurlHttpClient internet_{{}};    ///< believes the system's authorities
  std::optional<drive::EmbeddedNode> node_;
  std::optional<drive::Connection> connection_;
  std::optional<bool> emulated_;
};

}  // namespace hlid::cli
