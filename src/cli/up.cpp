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

constexpr int kMostRounds = 4;

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

plan::Plan plan_for(LabSession& session, const UpOptions& options, std::set<std::string> unfinished,
                    std::stop_token stop) {
  const auto there = session.observe(stop);
  auto wanted = session.plan_options(there, true, stop);
  wanted.unfinished = std::move(unfinished);
  wanted.allow = {options.allow.begin(), options.allow.end()};
  if (!options.only.empty()) wanted.only = plan::parse_phase(options.only);
  return plan::make_plan(session.lab(), there, wanted);
}

void tell_what_next(const model::Homelab& lab, bool nothing_to_do) {
  print_line(nothing_to_do ? fmt::format("{} is as its file says.", lab.name)
                           : fmt::format("{} is up.", lab.name));
  if (lab.machines.empty()) return;
  print_line("Next:");
  if (lab.cluster) print_line("  hlid cluster kubeconfig");
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

/// What could not be begun because something is not to be had; the rest is done.
void tell_what_waits(const model::Homelab& lab, const plan::Plan& plan) {
  for (const auto& waiting : plan.waiting) {
    print_line(fmt::format("{}: {} steps wait: {}", lab.name, waiting.steps.size(), waiting.text));
    for (const auto& hint : waiting.hints) print_line("  fix: " + hint);
  }
}

/// One plan from its making to its end. Exit::pending: done, and there may be more to see now.
Exit pass(LabSession& session, const UpOptions& options, apply::Journal& journal,
          const std::set<std::string>& unfinished, std::stop_token stop) {
  const auto plan = plan_for(session, options, unfinished, stop);
  if (!plan.empty() || options.json) show_plan(plan, options.json);
  check_refusals(plan);
  ask_for_disruptions(plan, options);
  if (!plan.steps.empty()) {
    const auto status = run_plan(session, plan, journal, {options.yes, options.json}, stop);
    if (status != Exit::done) return status;
  }
  if (plan.look_again && !plan.steps.empty()) return Exit::pending;
  if (!options.json) tell_what_waits(session.lab(), plan);
  if (!plan.held.empty() && !options.json) tell_what_was_held(session.lab(), plan);
  if (!plan.held.empty() || !plan.waiting.empty()) return Exit::precondition;
  if (!options.json) tell_what_next(session.lab(), plan.steps.empty());
  return Exit::done;
}

Exit up(const UpOptions& options) {
  const StopOnSignal signals;
  sys::PosixProcessRunner processes;
  LabSession session(with_user_keys(options.file, read_lab_file(options.file), processes, options.yes));
  apply::Journal journal(session.folder(), session.clock());
  session.connect(signals.token());
  apply::settle(journal.earlier(), *session.step_runner(), nullptr, signals.token());
  // Machines that were off show what is in them once they run; more than a few rounds would be a fault.
  auto unfinished = journal.earlier().steps;
  auto status = Exit::pending;
  for (int round = 0; round < kMostRounds && status == Exit::pending; ++round) {
    status = pass(session, options, journal, unfinished, signals.token());
    unfinished.clear();
  }
  return status;
}

}  // namespace

void add_up(CLI::App& app, Chosen& chosen) {
  auto& command = add_command(app, "up", "up");
  auto options = std::make_shared<UpOptions>();  // shared with the callback, which outlives this function
  add_file_option(command, options->file);
  command.add_flag("--yes", options->yes, "do not ask; replacing and destroying still need --allow");
  command.add_option("--only", options->only, "one phase")
      ->check(CLI::IsMember({"host", "template", "machines", "cluster"}));
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
