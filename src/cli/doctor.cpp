#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/apply_plan.h"
#include "cli/command.h"
#include "cli/lab_file.h"
#include "cli/terminal.h"
#include "drive/doctor.h"
#include "sys/home.h"

namespace hlid::cli {
namespace {

using drive::Check;

struct DoctorOptions {
  std::string file = "homelab.yaml";
  bool json = false;
  bool named = false;  ///< the file was named, so it must be there
};

const char* word_for(Check::State state) {
  switch (state) {
    case Check::State::ok:
      return "ok";
    case Check::State::warning:
      return "warning";
    case Check::State::failed:
      return "failed";
  }
  return "?";
}

/// What the plan for this file would say beside its steps.
void add_plan_checks(LabSession& session, std::vector<Check>& checks, std::stop_token stop) {
  try {
    const auto there = session.observe(stop);
    const auto plan = plan::make_plan(session.lab(), there, session.plan_options(there, false, stop));
    for (const auto& notice : plan.notices)
      checks.push_back({notice.code, Check::State::warning, notice.text, ""});
    for (const auto& refusal : plan.refusals)
      checks.push_back({refusal.code, Check::State::failed, refusal.text, refusal.hint});
  } catch (const Error& error) {
    if (error.code() == Errc::interrupted) throw;
    checks.push_back({"plan", Check::State::failed, error.what(), error.hint()});
  }
}

/// The node is looked at, never started.
bool may_be_asked(LabSession& session) {
  return !session.node() || session.is_new_node() || session.node()->daemon().has_value();
}

void check_lab(const std::string& file, std::vector<Check>& checks, std::stop_token stop) {
  LabSession session(read_lab_file(file).lab);
  if (!session.node())
    for (auto& check : drive::check_server(session.session(stop))) checks.push_back(std::move(check));
  const bool reached = checks.empty() || checks.back().state != Check::State::failed || session.node();
  if (reached && may_be_asked(session)) add_plan_checks(session, checks, stop);
}

bool is_about_a_server(const DoctorOptions& options) {
  return std::filesystem::exists(options.file) && !read_lab_file(options.file).lab.proxmox.embedded();
}

void show(const std::vector<Check>& checks, bool json) {
  if (json) {
    json::array list;
    for (const auto& check : checks)
      list.push_back(json::object{{"name", check.name},
                                  {"state", word_for(check.state)},
                                  {"detail", check.detail},
                                  {"fix", check.fix}});
    return print_line(to_text(json::object{{"checks", list}}));
  }
  for (const auto& check : checks) {
    print_line(fmt::format("{:<8} {:<24} {}", word_for(check.state), check.name, check.detail));
    if (check.fix.empty()) continue;
    for (const auto& line : split(check.fix, '\n')) print_line("         fix: " + line);
  }
}

Exit doctor(const DoctorOptions& options) {
  const StopOnSignal signals;
  sys::PosixProcessRunner processes;
  std::vector<Check> checks;
  if (!is_about_a_server(options)) checks = drive::check_this_machine(processes, sys::hlid_home());
  if (options.named || std::filesystem::exists(options.file))
    check_lab(options.file, checks, signals.token());
  show(checks, options.json);
  const bool sick = std::any_of(checks.begin(), checks.end(),
                                [](const Check& check) { return check.state == Check::State::failed; });
  return sick ? Exit::precondition : Exit::done;
}

}  // namespace

void add_doctor(CLI::App& app, Chosen& chosen) {
  auto& command = add_command(app, "doctor", "doctor");
  auto options = std::make_shared<DoctorOptions>();  // shared with the callback
  add_file_option(command, options->file);
  command.add_flag("--json", options->json, "the checks as JSON");
  command.callback([&chosen, &command, options] {
    options->named = command.count("--file") > 0;
    chosen.action = [options] { return doctor(*options); };
  });
}

}  // namespace hlid::cli
