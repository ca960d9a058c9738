#include "drive/ssh_command.h"

#include "base/text.h"

namespace hlid::drive {
namespace {

std::string proxy_command(const Tunnel& tunnel) {
  std::vector<std::string> words;
  for (const auto& word : {tunnel.program, std::string("dial"), std::string("--home"), tunnel.home.string(),
                           std::string("--node"), tunnel.node})
    words.push_back(proxy_word(word));
  return join(words, " ") + " %h %p";
}

}  // namespace

std::string proxy_word(const std::string& text) {
  return "'" + replace_all(replace_all(text, "'", R"('\'')"), "%", "%%") + "'";
}

std::vector<std::string> ssh_argv(const SshRequest& request) {
  const auto& machine = request.machine;
  std::vector<std::string> argv{"ssh", "-p", std::to_string(request.access.ssh_port), "-l",
                                request.access.user};
  const auto option = [&](const std::string& text) {
    argv.push_back("-o");
    argv.push_back(text);
  };
  option("StrictHostKeyChecking=yes");
  option("HostKeyAlias=" + machine.name);
  option("UserKnownHostsFile=\"" + request.known_hosts.string() + "\"");
  option("GlobalKnownHostsFile=/dev/null");
  option("UpdateHostKeys=no");
  option("CheckHostIP=no");
  option("LogLevel=ERROR");
  for (const auto& file : request.identities) option("IdentityFile=\"" + file + "\"");
  if (request.tunnel) option("ProxyCommand=" + proxy_command(*request.tunnel));
  argv.push_back(to_string(machine.address.address));
  if (!request.command.empty()) argv.push_back("--");
  argv.insert(argv.end(), request.command.begin(), request.command.end());
  return argv;
}

}  // namespace hlid::drive
