#include "drive/secrets.h"

#include <cstdlib>

#include "base/error.h"
#include "base/text.h"
#include "sys/files.h"

namespace hlid::drive {
namespace {

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

std::string without_final_newline(std::string text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

}  // namespace

Secrets::Secrets(sys::ProcessRunner& runner, Variable variable)
    : runner_(runner), variable_(variable ? std::move(variable) : environment) {}

Secret Secrets::of_command(const std::string& text) const {
  sys::Command command{split_argv(text)};
  if (command.argv.empty()) throw Error(Errc::usage, "the secret 'cmd:' names no command");
  command.timeout = std::chrono::seconds(60);
  const auto name = command.argv.front();
  const auto result = runner_.run(command);
  if (!result.ok())  // its output may hold the secret, so only its standard error is shown
    throw Error(Errc::precondition, "the command '{}' for a secret failed: {}", name, result.describe());
  return Secret(without_final_newline(result.output));
}

std::optional<Secret> Secrets::find(const model::SecretRef& reference) const {
  const auto colon = reference.text.find(':');
  const auto kind = reference.text.substr(0, colon);
  const auto rest = colon == std::string::npos ? std::string() : reference.text.substr(colon + 1);
  if (kind == "env") {
    auto value = variable_(rest);
    if (!value) return std::nullopt;
    return Secret(std::move(*value));
  }
  if (kind == "file") {
    auto text = sys::read_file_if_exists(expand_home(rest), 1U << 20);
    if (!text) return std::nullopt;
    return Secret(without_final_newline(std::move(*text)));
  }
  if (kind == "cmd") return of_command(rest);
  throw Error(Errc::spec, "'{}' is not a reference to a secret", kind)
      .with_hint("write env:NAME, file:PATH or cmd:COMMAND");
}

Secret Secrets::get(const model::SecretRef& reference, const std::string& what) const {
  auto found = find(reference);
  if (found && !found->empty()) return std::move(*found);
  throw Error(Errc::precondition, "{} is not there: '{}' is not set or empty", what, reference.text);
}

std::vector<std::string> split_argv(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  bool open = false;
  char quote = '\0';
  for (const char c : text) {
    if (quote != '\0') {
      if (c == quote)
        quote = '\0';
      else
        word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      open = true;
    } else if (c == ' ' || c == '\t') {
      if (open) words.push_back(std::move(word));
      word.clear();
      open = false;
    } else {
      word += c;
      open = true;
    }
  }
  if (quote != '\0') throw Error(Errc::usage, "a quote is left open in '{}'", text);
  if (open) words.push_back(std::move(word));
  return words;
}

std::string expand_home(const std::string& path) {
  if (path != "~" && !path.starts_with("~/")) return path;
  const auto home = environment("HOME");
  if (!home) throw Error(Errc::precondition, "'{}' cannot be resolved: HOME is not set", path);
  return *home + path.substr(1);
}

}  // namespace hlid::drive
