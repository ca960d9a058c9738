#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "base/error.h"
#include "cli/command.h"
#include "cli/lab_file.h"
#include "cli/lab_session.h"
#include "drive/ssh_command.h"

namespace hlid::cli {
namespace {

struct SshOptions {
  std::string file = "homelab.yaml";
  std::string name;
};

/// ssh(1) reads the password database for ~, not HOME; the keys that `up` made lie under HOME.
std::vector<std::string> identity_files() {
  std::vector<std::string> files;
  const char* home = std::getenv("HOME");
  if (home == nullptr) return files;
  for (const char* type : {"ed25519", "ecdsa", "rsa"}) {
    const auto file = std::filesystem::path(home) / ".ssh" / (std::string("id_") + type);
    if (std::filesystem::exists(file)) files.push_back(file.string());
  }
  return files;
}

void learn_host_key(LabSession& session, const model::Machine& machine) {
  if (session.host_keys().knows(machine.name)) return;
  const pve::VmRef vm{machine.node, machine.vmid};
  if (session.host_keys().learn(session.session(), vm, machine, session.lab().access.ssh_port)) return;
  throw Error(Errc::precondition, "the host key of {} is not known and its guest agent tells none",
              machine.name)
      .with_hint("hlid status");
}

Exit ssh(const SshOptions& options, const std::vector<std::string>& command) {
  LabSession session(read_lab_file(options.file).lab);
  const auto& machine = find_machine(session.lab(), options.name);
  learn_host_key(session, machine);
  drive::SshRequest request{machine, session.lab().access, session.host_keys().file(),
                            {},      identity_files(),     command};
  if (session.node())
    request.tunnel =
        drive::Tunnel{drive::find_node_program().string(), session.home(), session.node()->name()};
  const auto argv = drive::ssh_argv(request);
  std::vector<char*> words;
  for (const auto& word : argv) words.push_back(const_cast<char*>(word.c_str()));  // execvp takes no const
  words.push_back(nullptr);
  ::execvp(words[0], words.data());
  throw system_error("cannot run ssh").with_hint("apt install openssh-client");
}

}  // namespace

void add_ssh(CLI::App& app, Chosen& chosen) {
  auto& command = add_command(app, "ssh", "ssh");
  auto options = std::make_shared<SshOptions>();  // shared with the callback
  command.add_option("name", options->name, "the machine; the homelab's name in front may be left out")
      ->required()
      ->type_name("NAME");
  add_file_option(command, options->file);
  command.callback([&chosen, options] {
    chosen.takes_rest = true;
    chosen.action = [&chosen, options] { return ssh(*options, chosen.rest); };
  });
}

}  // namespace hlid::cli
