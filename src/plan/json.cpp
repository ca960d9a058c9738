#include "plan/step.h"

namespace hlid::plan {
namespace {

json::value or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(json::string(text));
}

json::array strings(const std::vector<std::string>& list) {
  json::array out;
  for (const auto& text : list) out.emplace_back(json::string(text));
  return out;
}

json::object step_json(const Step& step) {
  json::object details;
  for (const auto& [key, value] : step.details) details[key] = value;
  json::object out;
  out["id"] = step.id;
  out["kind"] = to_string(step.kind);
  out["phase"] = to_string(phase_of(step.kind));
  out["subject"] = step.subject;
  out["vmid"] = step.vmid.value == 0 ? json::value(nullptr) : json::value(step.vmid.value);
  out["node"] = or_null(step.node);
  out["disruption"] = model::to_string(step.disruption);
  out["reasons"] = strings(step.reasons);
  out["details"] = details;
  out["queue"] = or_null(step.resource);
  out["consent"] = or_null(step.consent);
  return out;
}

json::array steps_json(const Plan& plan) {
  std::vector<json::array> after(plan.steps.size());
  for (const auto& [before, later] : plan.edges)
    after[later].emplace_back(json::string(plan.steps[before].id));
  json::array out;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    auto step = step_json(plan.steps[i]);
    step["after"] = after[i];
    out.emplace_back(std::move(step));
  }
  return out;
}

}  // namespace

json::value to_json(const Plan& plan) {
  json::object out;
  out["lab"] = plan.lab;
  out["empty"] = plan.empty();
  out["disruption"] = model::to_string(plan.worst());
  out["steps"] = steps_json(plan);
  json::array held;
  for (const auto& step : plan.held) held.emplace_back(step_json(step));
  out["held"] = held;
  json::array waiting;
  for (const auto& one : plan.waiting) {
    json::array steps;
    for (const auto& step : one.steps) steps.emplace_back(step_json(step));
    waiting.emplace_back(json::object{
        {"code", one.code}, {"text", one.text}, {"hints", strings(one.hints)}, {"steps", steps}});
  }
  out["waiting"] = waiting;
  out["look_again"] = plan.look_again;
  json::array notices;
  for (const auto& notice : plan.notices)
    notices.emplace_back(
        json::object{{"code", notice.code}, {"subject", or_null(notice.subject)}, {"text", notice.text}});
  out["notices"] = notices;
  json::array refusals;
  for (const auto& refusal : plan.refusals)
    refusals.emplace_back(json::object{{"code", refusal.code},
                                       {"subject", or_null(refusal.subject)},
                                       {"text", refusal.text},
                                       {"hint", or_null(refusal.hint)}});
  out["refusals"] = refusals;
  return out;
}

}  // namespace hlid::plan
