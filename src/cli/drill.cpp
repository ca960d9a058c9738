#include "cluster/drill.h"

#include <CLI/CLI.hpp>

#include "cli/cluster_work.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "cluster/probe.h"

namespace hlid::cli {
namespace {

struct DrillOptions {
  std::string file = "homelab.yaml";
  std::string what;
  bool dry_run = false;
  bool yes = false;
  bool json = false;
};

using Time = std::optional<std::chrono::milliseconds>;

double seconds_of(std::chrono::milliseconds time) {
  return static_cast<double>(time.count()) / 1000.0;
}

std::string time_or_never(const Time& time) {
  return time ? fmt::format("{:.1f} s", seconds_of(*time)) : "not before the deadline";
}

json::value json_time(const Time& time) {
  return time ? json::value(seconds_of(*time)) : json::value(nullptr);
}

std::string warning(cluster::Drill drill, const std::string& victim) {
  return drill == cluster::Drill::power
             ? fmt::format("The power of '{}' is cut, then it is turned on again.", victim)
             : fmt::format("All of the cluster on '{}' is killed, its pods too, then started again.", victim);
}

Exit tell_report(const cluster::DrillReport& report, bool vip_mattered, bool json) {
  const auto status = report.api_answers ? Exit::done : Exit::failed;
  if (json) {
    tell_end({{"drill", cluster::to_string(report.drill)},
              {"victim", report.victim},
              {"api_answers_s", json_time(report.api_answers)},
              {"vip_moved_s", json_time(report.vip_moved)},
              {"whole_again_s", json_time(report.whole_again)}},
             status);
    return status;
  }
  print_line("From the blow to '" + report.victim + "':");
  print_line("  another server takes a write   " + time_or_never(report.api_answers));
  if (vip_mattered) print_line("  the VIP is elsewhere           " + time_or_never(report.vip_moved));
  print_line("  all members and Nodes are well " + time_or_never(report.whole_again));
  return status;
}

Exit drill(const DrillOptions& options) {
  ClusterWork work(options.file);
  work.hold();
  const auto kind = *cluster::parse_drill(options.what);
  const auto observed = cluster::observe(work.site());
  const auto victim = cluster::drill_victim(kind, observed);
  if (options.dry_run) {
    if (options.json)
      print_line(to_text(json::object{{"event", "plan"}, {"drill", options.what}, {"victim", victim}}));
    else
      print_line(warning(kind, victim));
    return Exit::done;
  }
  confirm(warning(kind, victim), fmt::format("hlid drill {} --yes", options.what), options.yes);
  VerbProgress progress(work.lab(), "drill", style_for(options.json));
  const auto site = work.site(&progress);
  const auto report = tell(progress, [&] { return cluster::drill(site, kind); });
  return tell_report(report, observed.vip_holder == report.victim, options.json);
}

}  // namespace

void add_drill(CLI::App& app, Chosen& chosen) {
  auto& command = add_command(app, "drill", "drill");
  auto options = std::make_shared<DrillOptions>();  // shared with the callback
  command.add_option("what", options->what, "master, vip or power")
      ->required()
      ->check(CLI::IsMember({"master", "vip", "power"}));
  add_file_option(command, options->file);
  command.add_flag("--dry-run", options->dry_run, "only say whom it would hit");
  command.add_flag("--yes", options->yes, "do not ask");
  command.add_flag("--json", options->json, "events for programs, one JSON object a line");
  command.callback([&chosen, options] { chosen.action = [options] { return drill(*options); }; });
}

}  // namespace hlid::cli
