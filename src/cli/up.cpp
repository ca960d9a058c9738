#include <CLI/CLI.hpp>
#include <set>

#include "apply/journal.h"
#include "base/text.h"
#include "cli/apply_plan.h"
#include "cli/command.h"
#include "cli/lab_file.h"
#include "cli/report.h"
#include "cli/terminal.h"

namespace hlid::cli {
namespace {

struct UpOptions {
  std::string file = "homelab.yaml";
  bool yes = false;
  bool json = false;
  std::string only;
  std::vector<std::string> allow;
};

/// Starting, making and growing need no question; what interrupts or loses something does.
void ask_for_disruptions(const plan::Plan& plan, const UpOptions& options) {
  if (options.yes || plan.worst() < model::Disruption::reboot) return;
  const auto worst = model::to_string(plan.worst());
  if (ask_yes(fmt::format("This plan has steps that {} machines. Go on?", worst))) return;
  throw Error(Errc::precondition,
              "nothing was done: the plan has steps that {} machines and nobody confirmed it", worst)
      .with_hint("hlid up --yes");
}

plan::Options plan_options(LabSession& session, const UpOptions& options, const apply::Journal& journal) {
  auto wanted = session.plan_options();
  wanted.unfinished = journal.earlier().steps;
  wanted.allow = {options.allow.begin(), options.allow.end()};
  if (!options.only.empty()) wanted.only = plan::parse_phase(options.only);
  return wanted;
}

void tell_what_next(const model::Homelab& lab, bool nothing_to_do) {
  print_line(nothing_to_do ? fmt::format("{} is as its file says.", lab.name)
                           : fmt::format("{} is up.", lab.name));
  if (lab.cluster)
    print_line(
        "The cluster phase is not part of this version: the machines are ready, nothing is installed on "
        "them.");
  if (lab.machines.empty()) return;
  print_line("Next:");
  print_line("  hlid ssh " + lab.machines.front().name);
  print_line("  hlid status");
}

/// What only a consent would have done, and the words of that consent.
void tell_what_was_held(const model::Homelab& lab, const plan::Plan& plan) {
  std::set<std::string> consents;
  for (const auto& step : plan.held) consents.insert("--allow " + step.consent);
  print_line(
      fmt::format("{} is not yet as its file says: something waits for your consent. To do it:", lab.name));
  print_line("  hlid up " + join({consents.begin(), consents.end()}, " "));
}

Exit up(const UpOptions& options) {
  const StopOnSignal signals;
  sys::PosixProcessRunner processes;
  LabSession session(with_user_keys(options.file, read_lab_file(options.file), processes, options.yes));
  apply::Journal journal(session.folder(), session.clock());
  session.connect(signals.token());
  apply::settle(journal.earlier(), *session.step_runner(), nullptr, signals.token());
  const auto plan = plan::make_plan(session.lab(), session.observe(signals.token()),
                                    plan_options(session, options, journal));
  if (!plan.empty() || options.json) show_plan(plan, options.json);
  check_refusals(plan);
  ask_for_disruptions(plan, options);
  auto status = Exit::done;
  if (!plan.steps.empty())
    status = run_plan(session, plan, journal, {options.yes, options.json}, signals.token());
  if (status != Exit::done) return status;
  if (!plan.held.empty()) {
    if (!options.json) tell_what_was_held(session.lab(), plan);
    return Exit::precondition;
  }
  if (!options.json) tell_what_next(session.lab(), plan.steps.empty());
  return Exit::done;
}

}  // namespace

void add_up(CLI::App& app, Chosen& chosen) {
  auto& command = add_command(app, "up", "up");
  auto options = std::make_shared<UpOptions>();  // shared with the callback, which outlives this function
  add_file_option(command, options->file);
  command.add_flag("--yes", options->yes, "do not ask; replacing and destroying still need --allow");
  command.add_option("--only", options->only, "one phase")
      ->check(CLI::IsMember({"host", "template", "machines"}));
  command.add_option("--allow", options->allow, "consent: replace=NAME or destroy=NAME; may be repeated")
      ->check([](const std::string& text) {
        return text.starts_with("replace=") || text.starts_with("destroy=")
                   ? std::string()
                   : "is neither replace=NAME nor destroy=NAME";
      });
  command.add_flag("--json", options->json, "events for programs, one JSON object a line");
  command.callback([&chosen, options] { chosen.action = [options] { return up(*options); }; });
}

}  // namespace hlid::cli
