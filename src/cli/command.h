#pragma once
#include <functional>
#include <string>
#include <vector>

#include "cli/exit_code.h"

namespace CLI {
class App;
}

/// One command a file: it declares its options on the parser and says what to do once they are read.
namespace hlid::cli {

/// What the command line said, filled by the parser.
struct Chosen {
  std::function<Exit()> action;   ///< of the command that was named
  std::vector<std::string> rest;  ///< the words after a lone "--"
  bool takes_rest = false;        ///< the command that was named wants them
};

/// A subcommand with its help from <name>.md.
CLI::App& add_command(CLI::App& parent, const std::string& name, const std::string& help_file);
/// -f FILE, default homelab.yaml.
void add_file_option(CLI::App& command, std::string& file);

void add_up(CLI::App& app, Chosen& chosen);
void add_plan(CLI::App& app, Chosen& chosen);
void add_status(CLI::App& app, Chosen& chosen);
void add_ssh(CLI::App& app, Chosen& chosen);
void add_console(CLI::App& app, Chosen& chosen);
void add_logs(CLI::App& app, Chosen& chosen);
void add_destroy(CLI::App& app, Chosen& chosen);
void add_cluster(CLI::App& app, Chosen& chosen);
void add_drill(CLI::App& app, Chosen& chosen);
void add_replace(CLI::App& app, Chosen& chosen);
void add_doctor(CLI::App& app, Chosen& chosen);
void add_template(CLI::App& app, Chosen& chosen);
void add_node(CLI::App& app, Chosen& chosen);
void add_schema(CLI::App& app, Chosen& chosen);
void add_completion(CLI::App& app, Chosen& chosen);
void add_explain(CLI::App& app, Chosen& chosen);

/// Reads the command line and does what it says.
int run(int argc, char** argv);

}  // namespace hlid::cli
