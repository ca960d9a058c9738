#include <CLI/CLI.hpp>

#include "apply/journal.h"
#include "cli/apply_plan.h"
#include "cli/command.h"
#include "cli/lab_file.h"
#include "cli/terminal.h"

namespace hlid::cli {
namespace {

struct DestroyOptions {
  std::string file = "homelab.yaml";
  std::vector<std::string> names;
  bool with_template = false;
  bool yes = false;
  bool json = false;
};

void confirm(const plan::Plan& plan, const std::string& lab, bool yes) {
  if (yes) return;
  print_error("This destroys the machines above with everything on their disks. It cannot be undone.");
  if (ask_text(fmt::format("Type the homelab's name ({}) to go on:", lab)) == lab) return;
  throw Error(Errc::precondition, "nothing was destroyed: {} steps were not confirmed", plan.steps.size())
      .with_hint("hlid destroy --yes");
}

std::vector<std::string> full_names(const model::Homelab& lab, const std::vector<std::string>& names) {
  std::vector<std::string> full;
  for (const auto& name : names) {
    const auto known = std::any_of(lab.machines.begin(), lab.machines.end(), [&](const auto& machine) {
      return machine.name == lab.name + "-" + name;
    });
    full.push_back(known ? lab.name + "-" + name : name);
  }
  return full;
}

Exit nothing_there(const std::string& lab, bool json) {
  if (json)
    print_line(to_text(json::object{{"event", "end"}, {"status", 0}, {"finished", 0}}));
  else
    print_line("There is nothing of " + lab + " to destroy.");
  return Exit::done;
}

Exit destroy(const DestroyOptions& options) {
  const StopOnSignal signals;
  LabSession session(read_lab_file(options.file).lab);
  const auto& lab = session.lab();
  if (session.is_new_node()) return nothing_there(lab.name, options.json);
  apply::Journal journal(session.folder(), session.clock());
  session.connect(signals.token());
  apply::settle(journal.earlier(), *session.step_runner(), nullptr, signals.token());
  plan::DestroyOptions wanted;
  wanted.names = full_names(lab, options.names);
  wanted.with_template = options.with_template;
  wanted.unfinished = journal.earlier().steps;
  const auto plan = plan::make_destroy_plan(lab, session.observe(signals.token()), wanted);
  if (!plan.empty() || options.json) show_plan(plan, options.json);
  check_refusals(plan);
  if (plan.steps.empty()) return nothing_there(lab.name, options.json);
  confirm(plan, lab.name, options.yes);
  const auto status = run_plan(session, plan, journal, {options.yes, options.json}, signals.token());
  if (status == Exit::done && !options.json) print_line("Destroyed. 'hlid up' makes it anew.");
  return status;
}

}  // namespace

void add_destroy(CLI::App& app, Chosen& chosen) {
  auto& command = add_command(app, "destroy", "destroy");
  auto options = std::make_shared<DestroyOptions>();  // shared with the callback
  command.add_option("names", options->names, "machines; none: all of the homelab")->type_name("NAME");
  add_file_option(command, options->file);
  command.add_flag("--template", options->with_template, "the template too, once no machine is left");
  command.add_flag("--yes", options->yes, "do not ask for the homelab's name");
  command.add_flag("--json", options->json, "events for programs, one JSON object a line");
  command.callback([&chosen, options] { chosen.action = [options] { return destroy(*options); }; });
}

}  // namespace hlid::cli
