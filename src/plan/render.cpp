// A plan for people: what happens to each thing in one line, grouped by phase, with the reasons.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "plan/step.h"

namespace hlid::plan {
namespace {

using model::Disruption;

enum class Colour { none, green, yellow, red, dim };

class Paint {
 public:
  explicit Paint(bool on) : on_(on) {}
  std::string operator()(Colour colour, const std::string& text) const {
    if (!on_ || text.empty()) return text;
    switch (colour) {
      case Colour::none:
        return text;
      case Colour::green:
        return "\x1b[32m" + text + "\x1b[0m";
      case Colour::yellow:
        return "\x1b[33m" + text + "\x1b[0m";
      case Colour::red:
        return "\x1b[31m" + text + "\x1b[0m";
      case Colour::dim:
        return "\x1b[2m" + text + "\x1b[0m";
    }
    return text;
  }

 private:
  bool on_;
};

bool creates(StepKind kind) {
  return kind == StepKind::clone || kind == StepKind::create_storage || kind == StepKind::build_template ||
         kind == StepKind::create_template || kind == StepKind::form_cluster ||
         kind == StepKind::join_cluster;
}

/// All that happens to one machine, template, storage or bridge.
struct Subject {
  std::string name;
  Vmid vmid;
  std::vector<const Step*> steps;

  Disruption worst() const {
    auto worst = Disruption::none;
    for (const auto* step : steps) worst = std::max(worst, step->disruption);
    return worst;
  }
  bool is_made() const {
    return std::any_of(steps.begin(), steps.end(), [](const auto* step) { return creates(step->kind); });
  }
};

std::vector<Subject> subjects_of(const std::vector<Step>& steps, Phase phase) {
  std::vector<Subject> subjects;
  std::map<std::string, std::size_t> places;
  for (const auto& step : steps) {
    if (phase_of(step.kind) != phase) continue;
    const auto [place, is_new] =
        places.emplace(fmt::format("{} {}", step.subject, step.vmid.value), subjects.size());
    if (is_new) subjects.push_back({step.subject, step.vmid, {}});
    subjects[place->second].steps.push_back(&step);
  }
  return subjects;
}

std::pair<std::string, Colour> sign_of(const Subject& subject) {
  const auto worst = subject.worst();
  if (worst == Disruption::destroy) return {"-", Colour::red};
  if (worst == Disruption::replace) return {"-/+", Colour::red};
  if (subject.is_made()) return {"+", Colour::green};
  if (worst == Disruption::reboot) return {"!", Colour::yellow};
  return {"~", Colour::yellow};
}

std::string words(const Subject& subject) {
  std::vector<std::string> parts;
  for (const auto* step : subject.steps) parts.emplace_back(words_of(step->kind).to_do);
  return join(parts, ", ");
}

/// live, reboot, replace or destroy, where it is any of them.
std::string label(const Subject& subject) {
  const auto worst = subject.worst();
  return worst == Disruption::none ? "" : fmt::format(" [{}]", model::to_string(worst));
}

/// That a thing is made because it is not there says its sign.
bool is_plain(const Subject& subject, const std::string& reason) {
  return subject.is_made() && reason == "does not exist";
}

std::vector<std::string> reasons(const Subject& subject) {
  std::vector<std::string> out;
  for (const auto* step : subject.steps)
    for (const auto& reason : step->reasons)
      if (!is_plain(subject, reason) && std::find(out.begin(), out.end(), reason) == out.end())
        out.push_back(reason);
  return out;
}

std::size_t widest(const std::vector<Subject>& subjects) {
  std::size_t width = 0;
  for (const auto& subject : subjects) width = std::max(width, subject.name.size());
  return width;
}

/// Equal but for name and VMID.
bool is_alike(const Subject& a, const Subject& b) {
  return words(a) == words(b) && label(a) == label(b) && reasons(a) == reasons(b);
}

void render_subject(std::string& out, const Subject& subject, std::size_t width, const Paint& paint) {
  const auto [sign, colour] = sign_of(subject);
  const auto vmid = subject.vmid.value == 0 ? std::string() : fmt::format("  {:>5}", subject.vmid.value);
  out += fmt::format("  {} {:<{}}{}  {}{}\n", paint(colour, fmt::format("{:<3}", sign)), subject.name, width,
                     vmid, words(subject), paint(colour, label(subject)));
  for (const auto& reason : reasons(subject)) out += "        " + paint(Colour::dim, reason) + "\n";
}

/// Of a long row of subjects that are alike only the first and the last are shown.
void render_subjects(std::string& out, const std::vector<Subject>& subjects, const Paint& paint) {
  constexpr std::size_t kLongest = 8;
  const auto width = widest(subjects);
  for (std::size_t i = 0; i < subjects.size();) {
    std::size_t end = i + 1;
    while (end < subjects.size() && is_alike(subjects[i], subjects[end])) ++end;
    const bool is_long = end - i > kLongest;
    render_subject(out, subjects[i], width, paint);
    if (is_long) out += fmt::format("      … {} more like it …\n", end - i - 2);
    for (std::size_t j = is_long ? end - 1 : i + 1; j < end; ++j)
      render_subject(out, subjects[j], width, paint);
    i = end;
  }
}

std::string count(std::size_t number, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", number, number == 1 ? one : many);
}

/// "+ 6 to make, ! 1 to reboot": what matters, in one line.
std::string summary(const Plan& plan) {
  std::size_t made = 0;
  std::map<Disruption, std::size_t> disrupted;
  for (const auto& subject : subjects_of(plan.steps, Phase::machines)) {
    const auto worst = subject.worst();
    if (worst < Disruption::replace && subject.is_made()) {
      ++made;
    } else {
      ++disrupted[worst];
    }
  }
  std::vector<std::string> parts;
  std::size_t members = 0;
  for (const auto& subject : subjects_of(plan.steps, Phase::cluster)) members += subject.is_made() ? 1 : 0;
  if (made > 0) parts.push_back(fmt::format("{} to make", count(made, "machine", "machines")));
  const std::pair<Disruption, const char*> kinds[] = {{Disruption::none, "to bring up"},
                                                      {Disruption::live, "to change live"},
                                                      {Disruption::reboot, "to reboot"},
                                                      {Disruption::replace, "to replace"},
                                                      {Disruption::destroy, "to destroy"}};
  for (const auto& [kind, text] : kinds)
    if (disrupted[kind] > 0) parts.push_back(fmt::format("{} {}", disrupted[kind], text));
  if (members > 0) parts.push_back(fmt::format("{} to join the cluster", members));
  return join(parts, ", ");
}

void render_head(std::string& out, const Plan& plan) {
  if (plan.empty()) {
    out += fmt::format("{}: nothing to do\n", plan.lab);
    return;
  }
  if (!plan.refusals.empty()) {
    out += fmt::format("{}: refused for {}\n", plan.lab, count(plan.refusals.size(), "reason", "reasons"));
    return;
  }
  if (plan.steps.empty()) {
    out += fmt::format("{}: nothing to do {}\n", plan.lab,
                       plan.held.empty() ? "before what is missing is there" : "without your consent");
    return;
  }
  const auto what = summary(plan);
  out += fmt::format("{}: {}{}\n", plan.lab, count(plan.steps.size(), "step", "steps"),
                     what.empty() ? "" : "; " + what);
}

void render_held(std::string& out, const Plan& plan, const Paint& paint) {
  if (plan.held.empty()) return;
  std::map<std::string, std::vector<Step>> by_consent;
  for (const auto& step : plan.held) by_consent[step.consent].push_back(step);
  out += "\nnot done without your consent\n";
  for (const auto& [consent, steps] : by_consent) {
    for (const auto phase : kPhases) render_subjects(out, subjects_of(steps, phase), paint);
    out += fmt::format("        to do it: --allow {}\n", consent);
  }
}

void render_waiting(std::string& out, const Plan& plan, const Paint& paint) {
  for (const auto& waiting : plan.waiting) {
    out += "\n" + paint(Colour::yellow, "waiting") + fmt::format(": {} [{}]\n", waiting.text, waiting.code);
    for (const auto phase : kPhases) render_subjects(out, subjects_of(waiting.steps, phase), paint);
    for (const auto& hint : waiting.hints) out += fmt::format("        fix: {}\n", hint);
  }
}

void render_notices(std::string& out, const Plan& plan) {
  if (plan.notices.empty()) return;
  out += "\nnotes\n";
  for (const auto& notice : plan.notices) out += fmt::format("  {} [{}]\n", notice.text, notice.code);
}

void render_refusals(std::string& out, const Plan& plan, const Paint& paint) {
  if (plan.refusals.empty()) return;
  out += "\n" + paint(Colour::red, "refused: nothing is done until this is settled") + "\n";
  for (const auto& refusal : plan.refusals) {
    out += fmt::format("  {} [{}]\n", refusal.text, refusal.code);
    if (!refusal.hint.empty()) out += fmt::format("        fix: {}\n", refusal.hint);
  }
}

}  // namespace

std::string render(const Plan& plan, const RenderOptions& options) {
  const Paint paint(options.colour);
  std::string out;
  render_head(out, plan);
  for (const auto phase : kPhases) {
    const auto subjects = subjects_of(plan.steps, phase);
    if (subjects.empty()) continue;
    out += fmt::format("\n{}\n", to_string(phase));
    render_subjects(out, subjects, paint);
  }
  render_waiting(out, plan, paint);
  render_held(out, plan, paint);
  render_notices(out, plan);
  render_refusals(out, plan, paint);
  return out;
}

}  // namespace hlid::plan
