#include <CLI/CLI.hpp>

#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/report.h"
#include "cli/terminal.h"

#ifndef HLID_VERSION
#define HLID_VERSION "0.1.0"
#endif

namespace hlid::cli {
namespace {

void add_all(CLI::App& app, Chosen& chosen) {
  add_up(app, chosen);
  add_plan(app, chosen);
  add_status(app, chosen);
  add_ssh(app, chosen);
  add_console(app, chosen);
  add_logs(app, chosen);
  add_destroy(app, chosen);
  add_replace(app, chosen);
  add_cluster(app, chosen);
  add_drill(app, chosen);
  add_doctor(app, chosen);
  add_template(app, chosen);
  add_node(app, chosen);
  add_schema(app, chosen);
  add_completion(app, chosen);
  add_explain(app, chosen);
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

/// The parser would only say that a word is unexpected.
void check_first_word(const CLI::App& app, const std::vector<std::string>& words) {
  if (words.empty() || words.front().starts_with("-")) return;
  const auto names = command_names(app);
  if (std::find(names.begin(), names.end(), words.front()) != names.end()) return;
  Error error(Errc::usage, "there is no command '{}'", words.front());
  const auto near = suggest(words.front(), names);
  error.with_hint(near.empty() ? "hlid --help" : "did you mean 'hlid " + near + "'?");
  throw error;
}

/// The parser takes words from the back.
std::vector<std::string> take_words(int argc, char** argv, Chosen& chosen) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const auto mark = std::find(words.begin(), words.end(), "--");
  if (mark != words.end()) {
    chosen.rest.assign(mark + 1, words.end());
    words.erase(mark, words.end());
  }
  return words;
}

Exit parse_and_run(CLI::App& app, Chosen& chosen, std::vector<std::string> words) {
  check_first_word(app, words);
  const bool has_rest = !chosen.rest.empty();
  std::reverse(words.begin(), words.end());
  app.parse(std::move(words));
  if (!chosen.action) {
    print(app.help());
    return Exit::usage;
  }
  if (has_rest && !chosen.takes_rest) throw Error(Errc::usage, "this command takes nothing after '--'");
  return chosen.action();
}

Exit usage_failure(const CLI::App& app, const CLI::ParseError& failure) {
  std::string command = "hlid";
  for (const auto* chosen = &app; !chosen->get_subcommands().empty();) {
    chosen = chosen->get_subcommands().front();
    command += " " + chosen->get_name();
  }
  print_error(std::string("hlid: ") + failure.what() + "\n  fix: " + command + " --help");
  return Exit::usage;
}

Exit guarded(CLI::App& app, Chosen& chosen, const std::vector<std::string>& words) {
  try {
    return parse_and_run(app, chosen, words);
  } catch (const CLI::ParseError& failure) {
    if (failure.get_exit_code() != 0) return usage_failure(app, failure);
    app.exit(failure);  // --help and --version arrive as exceptions
    return Exit::done;
  } catch (const Told& told) {
    return told.status();
  } catch (const Error& error) {
    print_error(describe(error));
    return exit_for(error);
  } catch (const std::exception& error) {
    print_error(std::string("hlid: ") + error.what());
    return Exit::failed;
  }
}

}  // namespace

CLI::App& add_command(CLI::App& parent, const std::string& name, const std::string& help_file) {
  const auto parts = help_parts(help_text(help_file));
  auto* command = parent.add_subcommand(name, parts.summary);
  command->footer(parts.rest);
  return *command;
}

void add_file_option(CLI::App& command, std::string& file) {
  command.add_option("-f,--file", file, "the homelab file")->capture_default_str()->type_name("FILE");
}

int run(int argc, char** argv) {
  const auto parts = help_parts(help_text("hlid"));
  CLI::App app(parts.summary, "hlid");
  app.footer(parts.rest);
  app.set_version_flag("--version", "hlid " HLID_VERSION);
  bool verbose = false;
  app.add_flag("-v,--verbose", verbose, "tell every request to the hypervisor");
  app.parse_complete_callback([&] { log::set_level(verbose ? log::Level::debug : log::Level::warn); });
  Chosen chosen;
  add_all(app, chosen);
  const auto words = take_words(argc, argv, chosen);
  return static_cast<int>(guarded(app, chosen, words));
}

}  // namespace hlid::cli
