#include <CLI/CLI.hpp>

#include "cli/apply_plan.h"
#include "cli/command.h"
#include "cli/lab_file.h"
#include "cli/terminal.h"
#include "sys/home.h"

namespace hlid::cli {
namespace {

struct TemplateOptions {
  std::string file = "homelab.yaml";
  bool json = false;
};

json::object entry_json(const templates::CacheEntry& entry) {
  return {{"key", entry.key},
          {"os", entry.os},
          {"kernel", entry.kernel},
          {"disk", entry.disk.string()},
          {"bytes", entry.file_size.count},
          {"packages", entry.package_count},
          {"built_at", entry.built_at}};
}

void print_entries(const std::vector<templates::CacheEntry>& entries, const std::string& current) {
  print_line(fmt::format("{:<16}  {:<14}  {:>9}  {:>8}  {}", "KEY", "OS", "SIZE", "PACKAGES", "KERNEL"));
  for (const auto& entry : entries)
    print_line(fmt::format("{:<16}  {:<14}  {:>9}  {:>8}  {}{}", entry.key.substr(0, 16), entry.os,
                           to_human(entry.file_size), entry.package_count, entry.kernel,
                           entry.key == current ? "  (this homelab's)" : ""));
}

Exit build(const TemplateOptions& options) {
  const StopOnSignal signals;
  LabSession session(read_lab_file(options.file).lab);
  const auto begun = session.clock().now();
  const auto disk = session.image().image(
      [&](const std::string& phase) {
        if (!options.json) print_line("  " + phase);
      },
      signals.token());
  const auto key = session.image().key();
  const auto took = std::chrono::duration_cast<std::chrono::seconds>(session.clock().now() - begun).count();
  if (options.json)
    print_line(to_text(json::object{{"key", key}, {"disk", disk.string()}}));
  else
    print_line(fmt::format("template {} is ready after {}: {}", key.substr(0, 16), elapsed_text(took),
                           disk.string()));
  return Exit::done;
}

/// The cache is there without a file too; with one, its template is marked.
std::string key_if_there(const std::string& file) {
  if (!std::filesystem::exists(file)) return {};
  return LabSession(read_lab_file(file).lab).image().key();
}

templates::Cache cache() {
  return templates::Cache(drive::template_cache(sys::hlid_home()));
}

Exit list(const TemplateOptions& options) {
  const auto entries = cache().list();
  if (!options.json) {
    print_entries(entries, key_if_there(options.file));
    return Exit::done;
  }
  json::array all;
  for (const auto& entry : entries) all.push_back(entry_json(entry));
  print_line(to_text(json::object{{"templates", all}}));
  return Exit::done;
}

Exit prune(const TemplateOptions& options) {
  std::set<std::string> keep;
  if (const auto key = key_if_there(options.file); !key.empty()) keep.insert(key);
  Bytes freed;
  const auto gone = cache().prune(keep);
  for (const auto& entry : gone) {
    freed.count += entry.file_size.count;
    print_line("removed " + entry.key.substr(0, 16) + " (" + entry.os + ")");
  }
  print_line(fmt::format("{} templates removed, {} free again", gone.size(), to_human(freed)));
  return Exit::done;
}

}  // namespace

void add_template(CLI::App& app, Chosen& chosen) {
  auto& group = add_command(app, "template", "template");
  group.require_subcommand(1);
  auto options = std::make_shared<TemplateOptions>();  // shared with the callbacks
  const auto add = [&](const char* name, const char* about,
                       Exit (*act)(const TemplateOptions&)) -> CLI::App& {
    auto* command = group.add_subcommand(name, about);
    add_file_option(*command, options->file);
    command->callback([&chosen, options, act] { chosen.action = [options, act] { return act(*options); }; });
    return *command;
  };
  add("build", "make the file's template, or find it in the cache", build)
      .add_flag("--json", options->json, "key and path as JSON");
  add("list", "what the cache holds", list).add_flag("--json", options->json, "as JSON");
  add("prune", "remove every cached template but the file's", prune);
}

}  // namespace hlid::cli
