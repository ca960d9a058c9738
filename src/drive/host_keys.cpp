#include "drive/host_keys.h"

#include "base/error.h"
#include "base/text.h"
#include "pve/agent.h"
#include "sys/files.h"

namespace hlid::drive {
namespace {

bool is_about(const std::string& line, const std::string& name) {
  return line.starts_with(name + ",");
}

/// "type base64 comment" without the comment; "" for anything else.
std::string key_of(const std::string& public_key_file) {
  const auto words = split_list(public_key_file, " \n\t");
  if (words.size() < 2 || !contains(words[0], "-")) return {};
  return words[0] + " " + words[1];
}

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  return split_list(sys::read_file_if_exists(file).value_or(""), "\n");
}

}  // namespace

bool HostKeys::learn(const pve::Session& session, const pve::VmRef& vm, const model::Machine& machine,
                     int ssh_port) {
  std::vector<std::string> lines;
  for (const char* type : {"ed25519", "ecdsa", "rsa"}) {
    const auto text = pve::guest_read_file(session, vm, fmt::format("/etc/ssh/ssh_host_{}_key.pub", type));
    const auto key = key_of(text.value_or(""));
    if (key.empty()) continue;
    lines.push_back(
        fmt::format("{},[{}]:{} {}", machine.name, to_string(machine.address.address), ssh_port, key));
  }
  if (lines.empty()) return false;
  replace(machine.name, lines);
  return true;
}

void HostKeys::forget(const std::string& name) {
  if (knows(name)) replace(name, {});
}

bool HostKeys::knows(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  for (const auto& line : lines_of(file_))
    if (is_about(line, name)) return true;
  return false;
}

void HostKeys::replace(const std::string& name, const std::vector<std::string>& lines) {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const auto& line : lines_of(file_))
    if (!is_about(line, name)) text += line + "\n";
  for (const auto& line : lines) text += line + "\n";
  sys::make_folder(file_.parent_path(), 0700);
  sys::write_durable(file_, text, 0600);
}

}  // namespace hlid::drive
