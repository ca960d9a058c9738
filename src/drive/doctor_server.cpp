#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "drive/doctor.h"
#include "pve/version.h"

namespace hlid::drive {
namespace {

/// Paths whose grants reach everything hlid touches.
std::set<std::string> granted(const json::value& permissions) {
  std::set<std::string> privileges;
  if (!permissions.is_object()) return privileges;
  for (const auto& path : permissions.get_object()) {
    if (!path.value().is_object()) continue;
    for (const auto& privilege : path.value().get_object()) privileges.insert(privilege.key());
  }
  return privileges;
}

Check check_privileges(const pve::Session& session, const std::string& release) {
  const auto has = granted(session.get("/access/permissions"));
  std::vector<std::string> lacking;
  for (const auto& privilege : needed_privileges(release))
    if (!has.contains(privilege)) lacking.push_back(privilege);
  if (lacking.empty()) return {"token", Check::State::ok, "has every privilege that is needed", ""};
  return {"token", Check::State::failed, "lacks " + join(lacking, " "), pveum_lines(release)};
}

int major_of(const std::string& release) {
  return release.empty() ? 8 : release.front() - '0';
}

}  // namespace

std::vector<std::string> needed_privileges(const std::string& release) {
  std::vector<std::string> all{"Datastore.AllocateSpace",
                               "Datastore.AllocateTemplate",
                               "Datastore.Audit",
                               "SDN.Use",
                               "Sys.Audit",
                               "VM.Allocate",
                               "VM.Audit",
                               "VM.Clone",
                               "VM.Config.CDROM",
                               "VM.Config.CPU",
                               "VM.Config.Cloudinit",
                               "VM.Config.Disk",
                               "VM.Config.HWType",
                               "VM.Config.Memory",
                               "VM.Config.Network",
                               "VM.Config.Options",
                               "VM.PowerMgmt"};
  if (major_of(release) >= 9) {
    all.insert(all.end(), {"VM.GuestAgent.Audit", "VM.GuestAgent.FileRead", "VM.GuestAgent.FileWrite",
                           "VM.GuestAgent.Unrestricted"});
  } else {
    all.emplace_back("VM.Monitor");
  }
  return all;
}

std::string pveum_lines(const std::string& release) {
  return fmt::format(
      "pveum role add Hlid -privs \"{}\"\n"
      "pveum user add hlid@pve\n"
      "pveum acl modify / -user hlid@pve -role Hlid\n"
      "pveum user token add hlid@pve hlid -privsep 0",
      join(needed_privileges(release), " "));
}

std::vector<Check> check_server(const pve::Session& session) {
  std::vector<Check> checks;
  pve::Version version;
  try {
    version = pve::version(session);
  } catch (const Error& error) {
    if (error.code() == Errc::interrupted) throw;
    checks.push_back({"server", Check::State::failed, session.url() + ": " + error.what(),
                      error.code() == Errc::denied ? pveum_lines("8") : error.hint()});
    return checks;
  }
  checks.push_back(
      {"server", Check::State::ok, session.url() + " answers: Proxmox VE " + version.version, ""});
  checks.push_back(check_privileges(session, version.release));
  return checks;
}

}  // namespace hlid::drive
