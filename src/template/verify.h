#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "sys/process.h"
#include "template/assemble.h"
#include "template/files.h"

namespace hlid::templates {

/// Reads the finished disk image (not the folder it was made from, nothing mounted or booted) and says what
/// of it is not as promised: partitions and boot loaders, no machine-id, no host keys, what sshd goes by,
/// datasources, locale, time zone, keyboard, no swap, no network configuration, agent, accounts, packages,
/// owners. Empty: all is well.
std::vector<std::string> failed_checks(sys::ProcessRunner& runner, const std::filesystem::path& raw_disk,
                                       const DiskLayout& layout, const BuildRequest& request,
                                       const Release& release, const DiskIds& ids);

/// Throws Error(failed) that names every failed check.
void verify_disk(sys::ProcessRunner& runner, const std::filesystem::path& raw_disk, const DiskLayout& layout,
                 const BuildRequest& request, const Release& release, const DiskIds& ids);

/// The packages that a dpkg status file calls installed, with their versions, sorted.
std::vector<std::pair<std::string, std::string>> installed_packages(const std::string& dpkg_status);

}  // namespace hlid::templates
