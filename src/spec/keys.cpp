#include "spec/keys.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace hlid::spec {
namespace {

std::string expand_home(const std::string& path, const std::string& home) {
  return path.substr(0, 2) == "~/" && !home.empty() ? home + path.substr(1) : path;
}

/// ~/.ssh/id_NAME.pub: the names that ssh itself looks for.
bool is_own_identity(const std::string& path, const std::string& home) {
  const auto folder = home + "/.ssh/id_";
  return !home.empty() && path.size() > folder.size() + 4 && path.compare(0, folder.size(), folder) == 0 &&
         path.compare(path.size() - 4, 4, ".pub") == 0 && path.find('/', folder.size()) == std::string::npos;
}

void add_key(std::vector<std::string>& keys, std::string_view line) {
  const std::string key(line);
  if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
}

void missing_file(const std::string& path, const Position& at, const World& world, Result& result) {
  const bool own = is_own_identity(path, world.home);
  if (own && world.keys_can_be_made) {
    result.missing_keys.push_back(path);
    result.diagnostics.warning(at, fmt::format("key file '{}' does not exist yet", path),
                               "'hlid up' makes this key");
    return;
  }
  const auto hint =
      own ? fmt::format("make one: ssh-keygen -t ed25519 -f {}", path.substr(0, path.size() - 4))
          : std::string("name the .pub file of a key that you have");
  result.diagnostics.error(at, fmt::format("cannot read key file '{}'", path), hint);
}

void take_file(const std::string& path, const Position& at, const World& world, Result& result) {
  std::optional<std::string> text;
  try {
    if (world.read_file) text = world.read_file(path);
  } catch (const Error& error) {
    result.diagnostics.error(at, fmt::format("key file '{}': {}", path, error.what()),
                             "name a .pub file that you may read");
    return;
  }
  if (!text) return missing_file(path, at, world, result);
  std::size_t found = 0;
  int number = 0;
  for (const auto& whole : split(*text, '\n')) {
    ++number;
    const auto line = trim(whole);
    if (line.empty() || line.front() == '#') continue;
    if (const auto fault = check_public_key(line)) {
      result.diagnostics.error(at, fmt::format("key file '{}', line {}: {}", path, number, fault->message),
                               fault->hint);
      return;
    }
    add_key(result.homelab.access.authorized_keys, line);
    ++found;
  }
  if (found == 0)
    result.diagnostics.error(at, fmt::format("key file '{}' holds no key", path), "name a .pub file");
}

}  // namespace

void resolve_keys(const Section& access, const World& world, Result& result) {
  for (const auto& [entry, at] : access.list("authorized_keys")) {
    if (entry.substr(0, 5) == "file:") {
      take_file(expand_home(entry.substr(5), world.home), at, world, result);
    } else {
      add_key(result.homelab.access.authorized_keys, trim(entry));
    }
  }
}

void resolve_console_password(const Section& access, const World& world, Result& result) {
  auto& secret = result.homelab.access.console_password;
  if (secret.text.substr(0, 4) != "env:") return;
  const auto name = secret.text.substr(4);
  const auto value = world.variable ? world.variable(name) : std::nullopt;
  if (value && !value->empty()) return;
  result.diagnostics.warning(
      access.at("console_password"),
      fmt::format("environment variable '{}' is not set: no console password is set", name),
      "SSH with a key works all the same; hlid explain console-password-unset");
  secret.text.clear();
}

void warn_of_ports(const Section& top, const World& world, Result& result) {
  if (!result.homelab.proxmox.embedded()) return;
  for (const auto& item : top.maps("publish")) {
    const int port = item.integer("port");
    if (port == 0 || port >= world.first_port) continue;
    result.diagnostics.warning(item.at("port"),
                               fmt::format("only root may listen on port {} of this host", port),
                               fmt::format("take a port from {} on, or allow it, as root: sysctl -w "
                                           "net.ipv4.ip_unprivileged_port_start={}",
                                           world.first_port, port));
  }
}

void resolve_paths(const World& world, model::Homelab& lab) {
  auto& image = lab.image.image_file;
  if (image.substr(0, 5) == "file:") image.erase(0, 5);
  lab.image.image_file = expand_home(lab.image.image_file, world.home);
  lab.proxmox.ca_file = expand_home(lab.proxmox.ca_file, world.home);
  if (lab.cluster) lab.cluster->artifacts = expand_home(lab.cluster->artifacts, world.home);
}

}  // namespace hlid::spec
