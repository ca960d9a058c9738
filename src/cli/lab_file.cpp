#include "cli/lab_file.h"

#include <unistd.h>

#include <cstdlib>

#include "base/error.h"
#include "base/text.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "drive/user_key.h"
#include "spec/spec.h"
#include "sys/files.h"

namespace hlid::cli {
namespace {

std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

/// ip(7), ip_unprivileged_port_start: root, or whoever has its capability, need not care.
int first_port() {
  if (::geteuid() == 0) return 0;
  const auto text = sys::read_file_if_exists("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  return text ? std::atoi(text->c_str()) : 1024;
}

spec::World world() {
  spec::World world;
  world.read_file = [](const std::string& path) { return sys::read_file_if_exists(path, 1U << 20); };
  world.variable = variable;
  world.home = variable("HOME").value_or("");
  world.keys_can_be_made = true;
  world.first_port = first_port();
  return world;
}

std::string text_of(const std::string& path) {
  auto text = sys::read_file_if_exists(path, 4U << 20);
  if (text) return std::move(*text);
  Error error(Errc::spec, "the homelab file '{}' does not exist", path);
  error.with_hint("name it with -f FILE; 'hlid up --help' shows a small one");
  throw error;
}

}  // namespace

LabFile read_lab_file(const std::string& path) {
  const auto text = text_of(path);
  auto result = spec::read(text, path, world());
  const auto said = result.diagnostics.render(text);
  if (!said.empty()) print_error(std::string(trim(said)));
  if (!result.ok()) throw Told(Exit::usage);
  return {std::move(result.homelab), std::move(result.missing_keys)};
}

model::Homelab with_user_keys(const std::string& path, LabFile file, sys::ProcessRunner& runner, bool yes) {
  if (file.missing_keys.empty()) return std::move(file.lab);
  for (const auto& key : file.missing_keys) {
    if (!yes && !ask_yes("The key '" + key + "' does not exist. Make it now?"))
      throw Error(Errc::precondition, "the public key file '{}' does not exist", key)
          .with_hint("ssh-keygen -t ed25519, or --yes to have it made");
    drive::make_user_key(runner, key);
    print_error("made the key pair of " + key);
  }
  return read_lab_file(path).lab;
}

const model::Machine& find_machine(const model::Homelab& lab, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& machine : lab.machines) {
    if (machine.name == name || machine.name == lab.name + "-" + name) return machine;
    names.push_back(machine.name);
  }
  Error error(Errc::usage, "homelab '{}' has no machine '{}'", lab.name, name);
  const auto near = suggest(name, names);
  error.with_hint(near.empty() ? "it has: " + join(names, " ") : "did you mean '" + near + "'?");
  throw error;
}

}  // namespace hlid::cli
