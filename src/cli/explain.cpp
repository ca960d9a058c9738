#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/terminal.h"

namespace hlid::cli {
namespace {

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

Exit list(const std::vector<Section>& codes) {
  for (const auto& code : codes) print_line(fmt::format("{:<24} {}", code.name, first_line(code.text)));
  return Exit::done;
}

Exit explain(const std::string& wanted) {
  const auto codes = sections_of(help_text("codes"));
  if (wanted.empty()) return list(codes);
  std::vector<std::string> names;
  for (const auto& code : codes) {
    names.push_back(code.name);
    if (code.name != wanted) continue;
    print_line(code.text);
    return Exit::done;
  }
  Error error(Errc::usage, "there is no code '{}'", wanted);
  const auto near = suggest(wanted, names);
  error.with_hint(near.empty() ? "hlid explain" : "hlid explain " + near);
  throw error;
}

}  // namespace

void add_explain(CLI::App& app, Chosen& chosen) {
  auto& command = add_command(app, "explain", "explain");
  auto code = std::make_shared<std::string>();  // shared with the callback
  command.add_option("code", *code, "as in brackets after a notice or refusal; none: the list")
      ->type_name("CODE");
  command.callback([&chosen, code] { chosen.action = [code] { return explain(*code); }; });
}

}  // namespace hlid::cli
