#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "cli/terminal.h"
#include "spec/spec.h"

namespace hlid::cli {

void add_schema(CLI::App& app, Chosen& chosen) {
  auto& command = add_command(app, "schema", "schema");
  auto reference = std::make_shared<bool>(false);  // shared with the callback
  command.add_flag("--reference", *reference, "the reference of the file in Markdown instead");
  command.callback([&chosen, reference] {
    chosen.action = [reference] {
      print(*reference ? spec::reference() : to_pretty_text(spec::schema()));
      return Exit::done;
    };
  });
}

}  // namespace hlid::cli
