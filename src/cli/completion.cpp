#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/command.h"
#include "cli/terminal.h"

namespace hlid::cli {
namespace {

/// A command as the shells need it.
struct Words {
  std::string path;  ///< "template build"
  std::string about;
  std::vector<std::string> next;  ///< subcommands, then options
};

std::vector<const CLI::App*> children(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

void collect(const CLI::App& app, const std::string& path, std::vector<Words>& out) {
  Words words{path, app.get_description(), {}};
  for (const auto* child : children(app)) words.next.push_back(child->get_name());
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) words.next.push_back("--" + name);
  out.push_back(words);
  for (const auto* child : children(app))
    collect(*child, path.empty() ? child->get_name() : path + " " + child->get_name(), out);
}

std::string bash(const std::vector<Words>& all) {
  std::string cases;
  for (const auto& words : all)
    cases += fmt::format("    '{}') next='{}' ;;\n", words.path, join(words.next, " "));
  return "# bash completion of hlid: eval \"$(hlid completion bash)\"\n"
         "_hlid() {\n"
         "  local word path='' next='' i\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    word=${COMP_WORDS[i]}\n"
         "    case $word in -*) ;; *) path=\"${path:+$path }$word\" ;; esac\n"
         "  done\n"
         "  case $path in\n" +
         cases +
         "  esac\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$next\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
         "}\n"
         "complete -o default -F _hlid hlid\n";
}

std::string zsh(const std::vector<Words>& all) {
  std::string cases;
  for (const auto& words : all)
    cases += fmt::format("    '{}') next=({}) ;;\n", words.path, join(words.next, " "));
  return "#compdef hlid\n"
         "# zsh completion of hlid: hlid completion zsh > a folder of $fpath, as _hlid\n"
         "_hlid() {\n"
         "  local path_words='' word\n"
         "  local -a next\n"
         "  for word in ${words[2,CURRENT-1]}; do\n"
         "    [[ $word == -* ]] || path_words=\"${path_words:+$path_words }$word\"\n"
         "  done\n"
         "  case $path_words in\n" +
         cases +
         "  esac\n"
         "  (( ${#next} )) && compadd -- $next || _files\n"
         "}\n"
         "compdef _hlid hlid\n";
}

std::string fish_quoted(const std::string& text) {
  return "'" + replace_all(replace_all(text, "\\", "\\\\"), "'", "\\'") + "'";
}

std::string fish(const CLI::App& root) {
  std::string out = "# fish completion of hlid: hlid completion fish | source\ncomplete -c hlid -f\n";
  std::vector<std::string> names;
  for (const auto* command : children(root)) names.push_back(command->get_name());
  for (const auto* command : children(root)) {
    out += fmt::format("complete -c hlid -n 'not __fish_seen_subcommand_from {}' -a {} -d {}\n",
                       join(names, " "), command->get_name(), fish_quoted(command->get_description()));
    for (const auto* child : children(*command))
      out += fmt::format("complete -c hlid -n '__fish_seen_subcommand_from {}' -a {} -d {}\n",
                         command->get_name(), child->get_name(), fish_quoted(child->get_description()));
    for (const auto* option : command->get_options())
      for (const auto& name : option->get_lnames())
        out += fmt::format("complete -c hlid -n '__fish_seen_subcommand_from {}' -l {} -d {}\n",
                           command->get_name(), name, fish_quoted(option->get_description()));
  }
  return out;
}

std::string script(const CLI::App& root, const std::string& shell) {
  if (shell == "fish") return fish(root);
  std::vector<Words> all;
  collect(root, "", all);
  return shell == "zsh" ? zsh(all) : bash(all);
}

}  // namespace

void add_completion(CLI::App& app, Chosen& chosen) {
  auto& command = add_command(app, "completion", "completion");
  auto shell = std::make_shared<std::string>();  // shared with the callback
  command.add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command.callback([&app, &chosen, shell] {
    chosen.action = [&app, shell] {
      print(script(app, *shell));
      return Exit::done;
    };
  });
}

}  // namespace hlid::cli
