#include "cli/node_unit.h"

#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "drive/secrets.h"
#include "sys/files.h"

namespace hlid::cli {
namespace {

/// systemd.syntax(7): quoted, with '%' and '$' doubled.
std::string unit_word(const std::string& text) {
  auto word = replace_all(replace_all(text, "\\", "\\\\"), "\"", "\\\"");
  return "\"" + replace_all(replace_all(word, "%", "%%"), "$", "$$") + "\"";
}

}  // namespace

std::string node_unit_text(const std::string& program, const std::filesystem::path& home,
                           const std::string& node, bool for_system) {
  return fmt::format(
      "[Unit]\n"
      "Description=Hlidskjalf node {}\n"
      "After=network-online.target\n"
      "Wants=network-online.target\n"
      "\n"
      "[Service]\n"
      "ExecStart={} daemon --home {} --node {}\n"
      "KillMode=process\n"
      "Restart=on-failure\n"
      "\n"
      "[Install]\n"
      "WantedBy={}\n",
      node, unit_word(program), unit_word(home.string()), unit_word(node),
      for_system ? "multi-user.target" : "default.target");
}

std::filesystem::path install_node_unit(const drive::EmbeddedNode& node, sys::ProcessRunner& processes) {
  const bool root = ::geteuid() == 0;
  const std::filesystem::path folder =
      root ? "/etc/systemd/system" : drive::expand_home("~/.config/systemd/user");
  const auto name = "hlid-node-" + node.name() + ".service";
  sys::make_folder(folder);
  sys::write_durable(folder / name,
                     node_unit_text(drive::find_node_program().string(), node.home(), node.name(), root));
  std::vector<std::string> systemctl{"systemctl"};
  if (!root) systemctl.emplace_back("--user");
  const auto call = [&](std::initializer_list<const char*> words) {
    auto argv = systemctl;
    argv.insert(argv.end(), words.begin(), words.end());
    sys::run_checked(processes, {argv});
  };
  call({"daemon-reload"});
  call({"enable", name.c_str()});
  if (!root) sys::run_checked(processes, {{"loginctl", "enable-linger"}});
  return folder / name;
}

}  // namespace hlid::cli
