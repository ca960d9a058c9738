#include "cli/cluster_work.h"

#include <fmt/chrono.h>

#include "base/text.h"
#include "cli/lab_file.h"
#include "cli/terminal.h"

namespace hlid::cli {

ClusterWork::ClusterWork(const std::string& file) : session_(read_lab_file(file).lab) {
  if (!lab().cluster)
    throw Error(Errc::precondition, "'{}' has no cluster: there is no 'cluster:' in the file", file)
        .with_hint("add 'cluster: {distribution: rke2}' and 'role: server' to a group, then hlid up");
  if (session_.is_new_node())
    throw Error(Errc::precondition, "nothing of '{}' was made yet", lab().name).with_hint("hlid up");
}

std::filesystem::path ClusterWork::snapshots() const {
  return drive::lab_folder(session_.home(), lab().name).snapshots();
}

void ClusterWork::hold() {
  if (!hold_) hold_.emplace(session_.folder(), session_.clock());
}

cluster::Site ClusterWork::site(VerbProgress* progress) {
  if (!made_) {
    const auto api = session_.session(stop());
    made_.emplace(lab(), api, session_.discs(), session_.emulated());
  }
  if (progress == nullptr) return made_->site();
  return made_->site([progress](const std::string& text) { progress->phase(text); });
}

cluster::ReleaseAccess ClusterWork::releases(VerbProgress* progress) {
  if (progress == nullptr) return session_.releases(stop());
  return session_.releases(stop(),
                           [progress](const cluster::FetchProgress& at) { progress->phase(fetch_text(at)); });
}

void ClusterWork::tidy_discs() {
  try {
    session_.discs().remove_unused(session_.session());
  } catch (const Error&) {
    // the next run, or the user, removes what is left
  }
}

void confirm(const std::string& warning, const std::string& command, bool yes) {
  if (yes) return;
  print_error(warning);
  if (ask_yes("Go on?")) return;
  throw Error(Errc::precondition, "nothing was done: nobody confirmed it").with_hint(command);
}

void confirm_by_name(const std::string& warning, const std::string& word, const std::string& command,
                     bool yes) {
  if (yes) return;
  print_error(warning);
  if (ask_text(fmt::format("Type {} to go on:", word)) == word) return;
  throw Error(Errc::precondition, "nothing was done: nobody confirmed it").with_hint(command);
}

void tell_end(json::object more, Exit status) {
  json::object event{{"event", "end"}, {"status", static_cast<int>(status)}};
  for (auto& [key, value] : more) event[key] = value;
  print_line(to_text(event));
}

std::string fetch_text(const cluster::FetchProgress& at) {
  auto text = fmt::format("{} {} ({} of {})",
                          at.doing == cluster::FetchProgress::Doing::fetching ? "fetching" : "checking",
                          at.file, at.number, at.count);
  if (at.total > 0) text += fmt::format(", {} %", at.done * 100 / at.total);
  return text;
}

std::string time_text(std::int64_t unix_seconds) {
  return fmt::format("{:%Y-%m-%d %H:%M}", fmt::gmtime(static_cast<std::time_t>(unix_seconds)));
}

}  // namespace hlid::cli
