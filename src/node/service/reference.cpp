// docs/api.md, written from the verb table so that it cannot go stale.
#include <fmt/format.h>

#include "node/service/service.h"

namespace hlid::node::service {
namespace {

std::string rule_text(const Verb& verb) {
  const Rule& rule = verb.rule;
  std::string text;
  switch (rule.who) {
    case Rule::Who::world:
      return "anybody";
    case Rule::Who::user:
      text = "any user";
      break;
    case Rule::Who::root:
      text = "root@pam";
      break;
    case Rule::Who::handler:
      text = rule.text;
      break;
    case Rule::Who::privileges:
      for (const std::string_view privilege : rule.privileges) {
        if (!text.empty()) text += rule.any ? " or " : " and ";
        text += privilege;
      }
      text += fmt::format(" on `{}`", rule.path);
      break;
  }
  return verb.tokens ? text : text + "; no API tokens";
}

/// Required parameters, then [optional ones]; those of the path and of machine configurations are left out.
std::string parameters_text(const Verb& verb, const Schema& schema) {
  std::string text;
  for (const bool optional : {false, true}) {
    for (const auto& [name, property] : schema.own) {
      if (property->optional != optional || verb.path.find("{" + name + "}") != std::string_view::npos)
        continue;
      if (!text.empty()) text += ' ';
      text += optional ? "[" + name + "]" : name;
    }
  }
  if (schema.shared != nullptr) text += text.empty() ? "configuration keys" : " and configuration keys";
  return text;
}

}  // namespace

std::string reference(const std::vector<Verb>& verbs, const Schemas& schemas) {
  std::string text =
      "# The node's API\n\n"
      "What `hlid-node` serves under `/api2/json`, with the privilege that each verb needs; written from the "
      "verb table\n"
      "(src/node/service) by the test that fails when it is stale. Parameters have the types, limits and "
      "formats of\n"
      "Proxmox VE 8.4; some verbs look at further privileges when they see what is asked for (a machine's "
      "configuration\n"
      "key by key, a volume's owner). What is below `/nodes/{node}/hlid` is our own: a Proxmox VE answers "
      "501 "
      "there.\n\n"
      "| verb | privilege | parameters |\n|---|---|---|\n";
  for (const Verb& verb : verbs) {
    const Schema* schema = schemas.find(verb.method, verb.path);
    text += fmt::format("| {} {} | {} | {} |\n", verb.method, verb.path, rule_text(verb),
                        schema == nullptr ? "" : parameters_text(verb, *schema));
  }
  return text;
}

}  // namespace hlid::node::service
