#include "node/service/service.h"

#include <fmt/format.h>

#include "base/text.h"
#include "node/auth/permissions.h"
#include "node/service/host_status.h"
#include "node/service/network_store.h"
#include "node/service/publish_store.h"
#include "node/service/resources.h"
#include "wire/api_error.h"

namespace hlid::node::service {
namespace {

/// "/vms/{vmid}" with the values of the call.
std::string expand(std::string_view pattern, const Params& params) {
  std::string result;
  while (!pattern.empty()) {
    const auto open = pattern.find('{');
    result += pattern.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = pattern.find('}', open);
    result += params.get_or(pattern.substr(open + 1, close - open - 1), "");
    pattern.remove_prefix(close + 1);
  }
  return result;
}

/// What the path says goes into the parameters; a call may repeat it, but not contradict.
void merge_path(const Route& route, Params& params) {
  for (const auto& [name, value] : route.variables) {
    if (const auto given = params.get(name); given && *given != value) {
      throw wire::parameter_error(std::string(name),
                                  "duplicate parameter (already defined in URI) with conflicting values!");
    }
    params.set(name, Value::text(value));
  }
}

/// Proxmox looks up the address of a node it does not know before it checks any format.
void require_this_node(const Parts& parts, const Route& route) {
  if (route.variables.empty() || route.variables.front().first != "node") return;
  const std::string& node = route.variables.front().second;
  if (node == parts.node || node == "localhost") return;
  throw wire::failure(fmt::format(
      "hostname lookup '{0}' failed - failed to get address info for: {0}: Name or service not known", node));
}

}  // namespace

Service::Service(Parts parts) : parts_(std::move(parts)), verbs_(all_verbs()), router_(verbs_) {
  parts_.host = std::make_shared<HostStatus>(parts_.clock, parts_.folder);
  parts_.network = std::make_shared<NetworkStore>(parts_.folder / "etc/interfaces");
  parts_.publish_store = std::make_shared<PublishStore>(parts_.folder / "etc/publish.cfg");
  parts_.resources = std::make_shared<ResourceCache>();
}

Route Service::route(std::string_view method, std::string_view path) const {
  if (auto route = router_.find(method, path)) return *std::move(route);
  std::string_view shown = path;
  while (shown.size() > 1 && shown.ends_with('/')) shown.remove_suffix(1);
  throw wire::ApiError(501, fmt::format("Method '{} {}' not implemented", method, shown));
}

const Schema& Service::schema_of(const Verb& verb) const {
  const Schema* schema = schemas_.find(verb.method, verb.path);
  if (schema == nullptr) throw Error(Errc::failed, "no schema for '{} {}'", verb.method, verb.path);
  return *schema;
}

Answer Service::perform(const Route& route, Call call) {
  const Verb& verb = *route.verb;
  merge_path(route, call.params);
  if (!verb.tokens && !call.who.token.empty()) {
    const std::string path = expand(verb.path, call.params);
    throw wire::permission_error(
        fmt::format("URI '{}' not available with API token, need proper ticket.\n", path));
  }
  check_rule(verb, call, expand(verb.rule.path, call.params));
  require_this_node(parts_, route);
  require_valid(schema_of(verb), call.params);
  return verb.handler(parts_, call);
}

void Service::check_rule(const Verb& verb, const Call& call, std::string_view path) const {
  const Rule& rule = verb.rule;
  switch (rule.who) {
    case Rule::Who::world:
    case Rule::Who::user:
      return;
    case Rule::Who::root:
      if (!call.who.is_root_user()) throw wire::permission_error("user != root@pam");
      return;
    case Rule::Who::privileges:
      parts_.permissions.require(call.who, path, rule.privileges, rule.any);
      return;
    case Rule::Who::handler:
      rule.check(parts_, call);
      return;
  }
}

}  // namespace hlid::node::service
