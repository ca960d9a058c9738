#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/command.h"
#include "cli/lab_file.h"
#include "cli/lab_session.h"
#include "cli/terminal.h"
#include "drive/evidence.h"
#include "pve/agent.h"

namespace hlid::cli {
namespace {

struct LogsOptions {
  std::string file = "homelab.yaml";
  std::string name;
  std::string what = "all";
  std::size_t lines = 50;
};

void print_part(const std::string& title, const std::string& text, std::size_t lines) {
  const auto tail = drive::last_lines(text, lines);
  print_line("== " + title + (tail.empty() ? ": nothing" : ""));
  if (!tail.empty()) print_line(tail);
}

/// The agent may be silent, and one part must not hide the others.
template <typename Read>
void try_part(const std::string& title, std::size_t lines, Read read) {
  try {
    print_part(title, read(), lines);
  } catch (const Error& error) {
    if (error.code() == Errc::interrupted || error.code() == Errc::denied) throw;
    print_line("== " + title + ": not available: " + error.message());
  }
}

std::string cloud_init_log(const pve::Session& session, const pve::VmRef& vm) {
  return pve::guest_read_file(session, vm, "/var/log/cloud-init-output.log").value_or("");
}

std::string journal(const pve::Session& session, const pve::VmRef& vm, std::size_t lines) {
  return pve::guest_exec(session, vm,
                         {{"/usr/bin/journalctl", "-b", "-n", std::to_string(lines), "--no-pager"}})
      .output;
}

Exit logs(const LogsOptions& options) {
  LabSession session(read_lab_file(options.file).lab);
  const auto& machine = find_machine(session.lab(), options.name);
  const auto wants = [&](const char* part) { return options.what == "all" || options.what == part; };
  const pve::VmRef vm{machine.node, machine.vmid};
  if (wants("console") && session.node())
    print_part("console", session.console_tail(machine.vmid), options.lines);
  if (options.what == "console") return Exit::done;
  const auto api = session.session();
  if (wants("cloud-init")) try_part("cloud-init", options.lines, [&] { return cloud_init_log(api, vm); });
  if (wants("journal")) try_part("journal", options.lines, [&] { return journal(api, vm, options.lines); });
  return Exit::done;
}

}  // namespace

void add_logs(CLI::App& app, Chosen& chosen) {
  auto& command = add_command(app, "logs", "logs");
  auto options = std::make_shared<LogsOptions>();  // shared with the callback
  command.add_option("name", options->name, "the machine")->required()->type_name("NAME");
  add_file_option(command, options->file);
  command.add_option("--part", options->what, "which log")
      ->check(CLI::IsMember({"all", "console", "cloud-init", "journal"}))
      ->capture_default_str();
  command.add_option("-n,--lines", options->lines, "how many lines of each")->capture_default_str();
  command.callback([&chosen, options] { chosen.action = [options] { return logs(*options); }; });
}

}  // namespace hlid::cli
