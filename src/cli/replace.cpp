#include <CLI/CLI.hpp>

#include "apply/journal.h"
#include "base/text.h"
#include "cli/apply_plan.h"
#include "cli/cluster_work.h"
#include "cli/command.h"
#include "cli/lab_file.h"
#include "cli/terminal.h"

namespace hlid::cli {
namespace {

constexpr int kMostRounds = 4;

struct ReplaceOptions {
  std::string file = "homelab.yaml";
  std::string name;
  bool dry_run = false;
  bool yes = false;
  bool json = false;
};

/// The same plan as `up` makes, with one machine more in it.
plan::Plan plan_for(LabSession& session, const std::string& name, bool anew, std::set<std::string> unfinished,
                    std::stop_token stop) {
  const auto there = session.observe(stop);
  auto wanted = session.plan_options(there, true, stop);
  wanted.unfinished = std::move(unfinished);
  wanted.allow = {"replace=" + name};
  if (anew) wanted.replace = {name};
  return plan::make_plan(session.lab(), there, wanted);
}

std::string warning(const model::Homelab& lab, const model::Machine& machine) {
  const auto text =
      fmt::format("This destroys '{}' with everything on its disks and makes it anew.", machine.name);
  if (!lab.cluster || machine.role == model::Role::plain) return text;
  return text + " The cluster forgets it first.";
}

void tell_what_is_left(const plan::Plan& plan) {
  for (const auto& waiting : plan.waiting) {
    print_line(fmt::format("{} steps wait: {}", waiting.steps.size(), waiting.text));
    for (const auto& hint : waiting.hints) print_line("  fix: " + hint);
  }
  for (const auto& step : plan.held)
    print_line(fmt::format("not done: {}, it needs --allow {}", step.id, step.consent));
}

struct Round {
  Exit status = Exit::done;
  bool again = false;
};

/// One plan from its making to its end; the first is confirmed.
Round run_round(LabSession& session, const ReplaceOptions& options, const model::Machine& machine,
                apply::Journal& journal, bool first, std::stop_token stop) {
  const auto unfinished = first ? journal.earlier().steps : std::set<std::string>();
  const auto plan = plan_for(session, machine.name, first, unfinished, stop);
  if (!plan.empty() || options.json) show_plan(plan, options.json);
  check_refusals(plan);
  if (options.dry_run) return {};
  if (first)
    confirm_by_name(warning(session.lab(), machine), machine.name,
                    fmt::format("hlid replace {} --yes", machine.name), options.yes);
  if (!plan.steps.empty()) {
    const auto status = run_plan(session, plan, journal, {options.yes, options.json}, stop);
    if (status != Exit::done) return {status, false};
    if (plan.look_again) return {Exit::done, true};
  }
  if (!options.json) tell_what_is_left(plan);
  return {plan.waiting.empty() ? Exit::done : Exit::precondition, false};
}

Exit replace(const ReplaceOptions& options) {
  const StopOnSignal signals;
  LabSession session(read_lab_file(options.file).lab);
  const auto& machine = find_machine(session.lab(), options.name);
  if (session.is_new_node())
    throw Error(Errc::precondition, "nothing of '{}' was made yet", session.lab().name).with_hint("hlid up");
  apply::Journal journal(session.folder(), session.clock());
  session.connect(signals.token());
  apply::settle(journal.earlier(), *session.step_runner(), nullptr, signals.token());
  Round round{Exit::done, true};
  for (int count = 0; count < kMostRounds && round.again; ++count)
    round = run_round(session, options, machine, journal, count == 0, signals.token());
  if (options.dry_run || options.json) return round.status;
  if (round.status == Exit::done)
    print_line(fmt::format("{} was made anew.", machine.name));
  else if (round.status != Exit::precondition)
    print_error("  fix: hlid up goes on with what is left");
  return round.status;
}

}  // namespace

void add_replace(CLI::App& app, Chosen& chosen) {
  auto& command = add_command(app, "replace", "replace");
  auto options = std::make_shared<ReplaceOptions>();  // shared with the callback
  command.add_option("name", options->name, "the machine")->required()->type_name("NAME");
  add_file_option(command, options->file);
  command.add_flag("--dry-run", options->dry_run, "only show the plan");
  command.add_flag("--yes", options->yes, "do not ask for the machine's name");
  command.add_flag("--json", options->json, "events for programs, one JSON object a line");
  command.callback([&chosen, options] { chosen.action = [options] { return replace(*options); }; });
}

}  // namespace hlid::cli
