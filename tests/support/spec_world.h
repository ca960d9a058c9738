#pragma once
#include <map>
#include <string>

#include "spec/spec.h"

namespace hlid::test {

inline constexpr const char* kPublicKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL7M//6vT1Ihmt6yaAKv4+hTCBvTb8WPAhfoppi+Ir1d odin@asgard";

/// The world a homelab file is read in by the tests: odin's key, a set and an unset variable.
inline spec::World spec_world() {
  spec::World world;
  const std::map<std::string, std::string> files{
      {"/home/odin/.ssh/id_ed25519.pub", std::string(kPublicKey) + "\n"},
      {"/home/odin/.ssh/broken.pub", "# a comment\nssh-ed25519 AAAAC3Nza odin@asgard\n"},
      {"/home/odin/.ssh/empty.pub", "\n"},
      {"/home/odin/.ssh/id_rsa", "-----BEGIN OPENSSH PRIVATE KEY-----\n"}};
  world.read_file = [files](const std::string& path) -> std::optional<std::string> {
    const auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional(found->second);
  };
  world.variable = [](const std::string& name) -> std::optional<std::string> {
    if (name == "CI_ODIN_PASSWORD") return "$6$salt$hash";
    return std::nullopt;
  };
  world.home = "/home/odin";
  return world;
}

}  // namespace hlid::test
