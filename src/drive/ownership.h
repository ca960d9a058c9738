#pragma once
#include <optional>
#include <string>

#include "base/error.h"
#include "pve/vms.h"

/// Asked right before anything is changed or destroyed: is this really ours? VMID, name, SMBIOS UUID and both
/// tags must agree; a machine that an interrupted clone left is known by the mark in its description.
namespace hlid::drive {

enum class Claim {
  absent,
  ours,
  half_made,  ///< carries our mark, not yet all of name, UUID and tags
  foreign,
};

struct Found {
  Claim claim = Claim::absent;
  pve::VmConfig config;
  std::string lock() const;
  bool is_template() const;
};

/// Reads the configuration afresh and judges it as machine (or template) `name` of `lab`.
Found look_at(const pve::Session& session, const std::string& lab, const std::string& name,
              const pve::VmRef& vm);

/// The configuration of a machine that is ours or half made by us. Throws Error: not_found, or conflict
/// naming what disagrees.
pve::VmConfig require_ours(const pve::Session& session, const std::string& lab, const std::string& name,
                           const pve::VmRef& vm);

/// The failure to be thrown for a machine that is somebody else's.
Error foreign_machine(const Found& found, const std::string& lab, const std::string& name,
                      const pve::VmRef& vm);

}  // namespace hlid::drive
