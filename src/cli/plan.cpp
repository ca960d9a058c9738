#include <CLI/CLI.hpp>

#include "cli/apply_plan.h"
#include "cli/command.h"
#include "cli/lab_file.h"
#include "cli/terminal.h"

namespace hlid::cli {
namespace {

struct PlanOptions {
  std::string file = "homelab.yaml";
  std::string only;
  std::vector<std::string> allow;
  bool json = false;
  bool check = false;
};

void show(const plan::Plan& plan, bool json) {
  if (json)
    print(to_pretty_text(plan::to_json(plan)));
  else
    print(plan::render(plan, {wants_colour()}));
}

Exit make(const PlanOptions& options) {
  const StopOnSignal signals;
  LabSession session(read_lab_file(options.file).lab);
  const auto there = session.observe(signals.token());
  auto wanted = session.plan_options(there, false, signals.token());
  wanted.allow = {options.allow.begin(), options.allow.end()};
  if (!options.only.empty()) wanted.only = plan::parse_phase(options.only);
  const auto plan = plan::make_plan(session.lab(), there, wanted);
  show(plan, options.json);
  if (!plan.refusals.empty()) return Exit::precondition;
  return options.check && !plan.empty() ? Exit::pending : Exit::done;
}

}  // namespace

void add_plan(CLI::App& app, Chosen& chosen) {
  auto& command = add_command(app, "plan", "plan");
  auto options = std::make_shared<PlanOptions>();  // shared with the callback
  add_file_option(command, options->file);
  command.add_flag("--check", options->check, "end with status 5 when anything is pending");
  command.add_option("--only", options->only, "one phase")
      ->check(CLI::IsMember({"host", "template", "machines", "cluster"}));
  command.add_option("--allow", options->allow, "as if consented: replace=NAME or destroy=NAME");
  command.add_flag("--json", options->json, "the plan as JSON");
  command.callback([&chosen, options] { chosen.action = [options] { return make(*options); }; });
}

}  // namespace hlid::cli
