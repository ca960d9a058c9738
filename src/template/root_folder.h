#pragma once
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "sys/process.h"
#include "template/files.h"
#include "template/sandbox.h"

namespace hlid::templates {

/// What mmdebstrap is called with. `early` is a folder whose content is laid over the root once all packages
/// are there (empty: none); then the initial RAM disk is made, where the release has one, and units are
/// switched. Pure.
std::vector<std::string> mmdebstrap_argv(const BuildRequest& request, const Release& release,
                                         const std::filesystem::path& root, const std::string& keyring,
                                         const std::filesystem::path& early);

/// Makes the root folder from the package archive. Throws Error that names the package or address to blame.
void make_root(sys::ProcessRunner& runner, const Sandbox& sandbox, const BuildRequest& request,
               const Release& release, const std::filesystem::path& root, const std::filesystem::path& early,
               const std::function<void(const std::string&)>& progress, std::stop_token stop);

/// Writes files into a root folder that is not trusted to hold no links: a path whose folders or last part
/// are symbolic links is followed within the root only.
void write_files(const std::filesystem::path& root, const std::vector<ImageFile>& files);

/// Locale, console, access profiles; runs programs of the image. Throws Error(spec) for a locale, layout or
/// time zone that this distribution does not have.
void configure_root(sys::ProcessRunner& runner, const Sandbox& sandbox, const BuildRequest& request,
                    const Release& release, const std::filesystem::path& root, std::stop_token stop);

/// Removes all that must not be the same in two machines, and all traces of the making: machine-id, host
/// keys, host name, network configuration, random seed, logs, caches.
void seal_root(const std::filesystem::path& root);

}  // namespace hlid::templates
