#include <CLI/CLI.hpp>

#include "cli/cluster_commands.h"
#include "cli/cluster_work.h"
#include "cli/terminal.h"
#include "cluster/rotate.h"

namespace hlid::cli {
namespace {

struct CertificateOptions {
  std::string file = "homelab.yaml";
  int within = -1;  ///< days; -1: not asked
  bool yes = false;
  bool json = false;
};

void print_table(const std::vector<cluster::CertificateState>& all) {
  std::size_t width = 7;
  for (const auto& one : all) width = std::max(width, one.machine.size());
  print_line(fmt::format("{:<{}}  {:>6}  {}", "MACHINE", width, "DAYS", "CERTIFICATE"));
  for (const auto& one : all)
    print_line(fmt::format("{:<{}}  {:>6}  {}", one.machine, width,
                           one.days < 0 ? "ended" : fmt::format("{}", one.days), one.name));
}

void print_json(const std::vector<cluster::CertificateState>& all) {
  json::array list;
  for (const auto& one : all)
    list.push_back(json::object{{"machine", one.machine}, {"name", one.name}, {"days", one.days}});
  print_line(to_text(json::object{{"certificates", list}}));
}

Exit list(const CertificateOptions& options) {
  ClusterWork work(options.file);
  const auto all = cluster::check_certificates(work.site());
  if (all.empty() && !options.json)
    throw Error(Errc::precondition, "no machine that runs has certificates of a cluster")
        .with_hint("hlid cluster status");
  options.json ? print_json(all) : print_table(all);
  const bool urgent = !all.empty() && all.front().days <= options.within;
  return options.within >= 0 && urgent ? Exit::failed : Exit::done;
}

Exit rotate(const CertificateOptions& options) {
  ClusterWork work(options.file);
  work.hold();
  confirm("Every member's service is stopped and started, one after the other.",
          "hlid cluster certificates rotate --yes", options.yes);
  VerbProgress progress(work.lab(), "certificates", style_for(options.json));
  const auto site = work.site(&progress);
  tell(progress, [&] { cluster::rotate_certificates(site); });
  if (options.json)
    tell_end();
  else
    print_line("Every member has new certificates. Next: hlid cluster kubeconfig --merge");
  return Exit::done;
}

}  // namespace

void add_cluster_certificates(CLI::App& group, Chosen& chosen) {
  auto& command = add_command(group, "certificates", "cluster-certificates");
  auto options = std::make_shared<CertificateOptions>();  // shared with the callbacks
  add_file_option(command, options->file);
  command.add_option("--within", options->within, "exit status 1 when one ends within so many days")
      ->type_name("DAYS")
      ->check(CLI::Range(0, 36500));
  command.add_flag("--json", options->json, "as JSON");
  command.callback([&command, &chosen, options] {
    if (command.get_subcommands().empty()) chosen.action = [options] { return list(*options); };
  });
  auto& rotation = *command.add_subcommand("rotate", "new certificates on every member");
  add_file_option(rotation, options->file);
  rotation.add_flag("--yes", options->yes, "do not ask");
  rotation.add_flag("--json", options->json, "events for programs, one JSON object a line");
  rotation.callback([&chosen, options] { chosen.action = [options] { return rotate(*options); }; });
}

}  // namespace hlid::cli
