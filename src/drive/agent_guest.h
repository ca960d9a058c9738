#pragma once
#include <string>

#include "cluster/guest.h"
#include "drive/disc_shelf.h"
#include "pve/vms.h"

namespace hlid::drive {

/// A machine reached by its guest agent through the Proxmox API, and the only way by which the cluster module
/// does anything in it. (QEMU, docs/interop/qemu-ga-ref: guest-exec, guest-file-read.)
class AgentGuest : public cluster::Guest {
 public:
  /// `vm` was proven ours. `boot_patience`: how long its agent may take to answer after power_on().
  AgentGuest(std::string name, pve::Session session, pve::VmRef vm, DiscShelf& shelf,
             std::chrono::seconds boot_patience);

  const std::string& name() const override { return name_; }
  cluster::Ran run(std::string_view script, const std::vector<std::string>& arguments,
                   std::chrono::milliseconds timeout) override;
  std::optional<std::string> read_file(const std::string& path) override;
  void write_file(const std::string& path, const std::string& content, std::string_view mode) override;
  void pull(const std::string& path, const std::filesystem::path& to) override;
  std::string insert_disc(const std::string& label, const std::map<std::string, std::filesystem::path>& files,
                          const std::function<void(const std::string&)>& phase) override;
  void release_disc() override;
  void cut_power() override;
  void power_on() override;

 private:
  /// Runs our own small scripts, which must succeed. Throws Error(failed) with what they said.
  std::string run_own(std::string_view script, const std::vector<std::string>& arguments,
                      std::chrono::milliseconds timeout, const std::string& doing);

  std::string name_;
  pve::Session session_;
  pve::VmRef vm_;
  DiscShelf& shelf_;
  std::chrono::seconds boot_patience_;
};

}  // namespace hlid::drive
