// kubectl's verbs that change something.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/jsonpath.h"
#include "support/fake_rke2/kubectl_options.h"
#include "support/fake_rke2/node.h"
#include "support/fake_rke2/yaml.h"
#include "sys/files.h"

namespace hlid::fake_rke2 {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

struct Named {
  const Resource* resource = nullptr;
  std::string name;
};

/// "node N M" or "node/N …", as long as they are names; the rest is in `others`.
std::vector<Named> names_of(const KubectlOptions& options, std::size_t from, Words& others) {
  std::vector<Named> out;
  if (options.words.size() <= from)
    throw KubectlFailure("error: resource(s) were provided, but no name was specified");
  const bool slashed = contains(options.words[from], "/") && !contains(options.words[from], "=");
  const auto* resource = slashed ? nullptr : &demand_resource(options.words[from]);
  for (std::size_t i = slashed ? from : from + 1; i < options.words.size(); ++i) {
    const auto& word = options.words[i];
    const bool change = contains(word, "=") || word.ends_with('-') || contains(word, ":");
    if (change) {
      others.push_back(word);
    } else if (slashed) {
      const auto slash = word.find('/');
      out.push_back({&demand_resource(word.substr(0, slash)), word.substr(slash + 1)});
    } else {
      out.push_back({resource, word});
    }
  }
  return out;
}

void demand(Api& api, const std::string& path) {
  api.raw("GET", path);
}

void say(const std::string& text) {
  std::puts(text.c_str());
  std::fflush(stdout);
}

void set_cordon(Api& api, const std::string& name, bool wanted) {
  demand(api, node_path(name));
  bool changed = false;
  api.update(node_path(name), [&](json::object& node) {
    auto& spec = node["spec"].as_object();
    changed = get_bool(spec, "unschedulable").value_or(false) != wanted;
    if (wanted)
      spec["unschedulable"] = true;
    else
      spec.erase("unschedulable");
    return changed;
  });
  say(fmt::format("node/{} {}{}", name, changed ? "" : "already ", wanted ? "cordoned" : "uncordoned"));
}

void cordon(Api& api, const KubectlOptions& options, bool wanted) {
  for (std::size_t i = 1; i < options.words.size(); ++i) set_cordon(api, options.words[i], wanted);
}

bool owned_by(const json::value& pod, const std::string& kind) {
  const auto* owners = pod.at("metadata").as_object().if_contains("ownerReferences");
  if (owners == nullptr) return false;
  return std::ranges::any_of(owners->as_array(),
                             [&](const json::value& owner) { return text_at(owner, {"kind"}) == kind; });
}

/// Pods of a node that a drain evicts; those of daemon sets are named or an error.
std::vector<json::value> evictable(Api& api, const std::string& node, bool ignore_daemons) {
  std::vector<json::value> out;
  Words daemons;
  for (auto& pod : api.list("/api/v1/pods")) {
    if (text_at(pod, {"spec", "nodeName"}) != node || owned_by(pod, "Node")) continue;
    if (owned_by(pod, "DaemonSet"))
      daemons.push_back(namespace_of(pod) + "/" + name_of(pod));
    else
      out.push_back(std::move(pod));
  }
  if (daemons.empty()) return out;
  if (!ignore_daemons)
    throw KubectlFailure(
        fmt::format("error: unable to drain node \"{}\" due to error: cannot delete DaemonSet-managed Pods "
                    "(use --ignore-daemonsets to ignore): {}, continuing command...",
                    node, join(daemons, ", ")));
  std::fputs(fmt::format("Warning: ignoring DaemonSet-managed Pods: {}\n", join(daemons, ", ")).c_str(),
             stderr);
  return out;
}

void evict(Api& api, const json::value& pod, std::chrono::steady_clock::time_point deadline) {
  const auto path = "/api/v1/namespaces/" + namespace_of(pod) + "/pods/" + name_of(pod);
  say(fmt::format("evicting pod {}/{}", namespace_of(pod), name_of(pod)));
  for (;;) {
    try {
      api.raw("POST", path + "/eviction", "{}");
      say(fmt::format("pod/{} evicted", name_of(pod)));
      return;
    } catch (const ApiProblem& problem) {
      if (problem.status == 404) return;
      if (problem.status != 429) throw;
      std::fputs(fmt::format("error when evicting pods/\"{}\" -n \"{}\" (will retry after 5s): {}\n",
                             name_of(pod), namespace_of(pod), problem.message)
                     .c_str(),
                 stderr);
    }
    if (std::chrono::steady_clock::now() + 5s > deadline)
      throw KubectlFailure(fmt::format("error when evicting pods/\"{}\" -n \"{}\": global timeout reached",
                                       name_of(pod), namespace_of(pod)));
    std::this_thread::sleep_for(5s);
  }
}

void drain(Api& api, const KubectlOptions& options) {
  const auto timeout = parse_duration(options.value("timeout", "0"));
  const auto deadline = std::chrono::steady_clock::now() + timeout.value_or(std::chrono::hours(24));
  for (std::size_t i = 1; i < options.words.size(); ++i) {
    const auto& node = options.words[i];
    set_cordon(api, node, true);
    for (const auto& pod : evictable(api, node, options.has("ignore-daemonsets"))) evict(api, pod, deadline);
    say(fmt::format("node/{} drained", node));
  }
}

void erase(Api& api, const KubectlOptions& options) {
  Words ignored;
  for (const auto& [resource, name] : names_of(options, 1, ignored)) {
    const auto path = api_path(*resource, options.ns(), name);
    const auto group = resource->group();
    if (options.has("ignore-not-found")) {
      if (!api.remove(path)) continue;
    } else {
      api.raw("DELETE", path);
    }
    say(fmt::format("{}{}{} \"{}\" deleted", resource->singular, group.empty() ? "" : ".", group, name));
  }
}

/// label and annotate: key=value sets, key- removes.
void mark(Api& api, const KubectlOptions& options, const char* which, const char* done) {
  Words changes;
  for (const auto& [resource, name] : names_of(options, 1, changes)) {
    const auto path = api_path(*resource, options.ns(), name);
    demand(api, path);
    api.update(path, [&](json::object& object) {
      auto& slot = metadata_of(object)[which];
      if (!slot.is_object()) slot = json::object();
      for (const auto& change : changes) {
        const auto equals = change.find('=');
        if (equals == std::string::npos) {
          slot.as_object().erase(change.substr(0, change.size() - 1));
          continue;
        }
        const auto key = change.substr(0, equals);
        const auto before = get_string(slot.as_object(), key);
        if (before && *before != change.substr(equals + 1) && !options.has("overwrite"))
          throw KubectlFailure(
              fmt::format("error: '{}' already has a value ({}), and --overwrite is false", key, *before));
        slot.as_object()[key] = change.substr(equals + 1);
      }
      return true;
    });
    say(fmt::format("{}/{} {}", resource->singular, name, done));
  }
}

/// One change of a taint: "key=value:Effect", "key:Effect", "key:Effect-", "key-".
void apply_taint(json::array& taints, const std::string& change, bool overwrite) {
  const bool removes = change.ends_with('-');
  const auto text = removes ? change.substr(0, change.size() - 1) : change;
  const auto colon = text.rfind(':');
  const auto left = text.substr(0, colon);
  const auto effect = colon == std::string::npos ? std::string() : text.substr(colon + 1);
  const auto equals = left.find('=');
  const auto key = left.substr(0, equals);
  json::array kept;
  bool found = false;
  for (const auto& taint : taints) {
    const bool same =
        text_at(taint, {"key"}) == key && (effect.empty() || text_at(taint, {"effect"}) == effect);
    found = found || same;
    if (!same) kept.push_back(taint);
  }
  if (removes && !found) throw KubectlFailure(fmt::format("error: taint \"{}\" not found", text));
  if (!removes && found && !overwrite)
    throw KubectlFailure(
        fmt::format("error: node already has {} taint(s) with same effect(s) and --overwrite is false", key));
  if (!removes) {
    json::object taint{{"key", key}, {"effect", effect}};
    if (equals != std::string::npos) taint["value"] = left.substr(equals + 1);
    kept.push_back(std::move(taint));
  }
  taints = std::move(kept);
}

void taint(Api& api, const KubectlOptions& options) {
  Words changes;
  for (const auto& [resource, name] : names_of(options, 1, changes)) {
    demand(api, node_path(name));
    api.update(node_path(name), [&](json::object& node) {
      auto& slot = node["spec"].as_object()["taints"];
      if (!slot.is_array()) slot = json::array();
      for (const auto& change : changes) apply_taint(slot.as_array(), change, options.has("overwrite"));
      return true;
    });
    say(fmt::format("node/{} {}", name,
                    std::ranges::all_of(changes, [](const auto& c) { return c.ends_with('-'); })
                        ? "untainted"
                        : "tainted"));
  }
}

std::string read_manifest(const std::string& file) {
  if (file != "-") return sys::read_file(file);
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

void apply(Api& api, const KubectlOptions& options, bool create) {
  const auto file = options.value("filename");
  if (file.empty()) throw KubectlFailure("error: must specify one of -f and -k");
  for (auto& document : documents_of(read_manifest(file))) {
    auto object = document.as_object();
    const auto kind = get_string(object, "kind").value_or("");
    const auto* resource = resource_of_kind(kind);
    if (resource == nullptr)
      throw KubectlFailure(
          fmt::format("error: resource mapping not found for name: \"{}\" namespace: \"\" from \"{}\": no "
                      "matches for kind \"{}\" in version \"{}\"",
                      name_of(object), file, kind, get_string(object, "apiVersion").value_or("")));
    const auto ns = namespace_of(object).empty() ? options.ns() : namespace_of(object);
    const auto path = api_path(*resource, ns, name_of(object));
    const bool existed = api.get(path).has_value();
    if (create && existed)
      throw KubectlFailure(fmt::format("Error from server (AlreadyExists): {} \"{}\" already exists",
                                       resource->plural, name_of(object)));
    api.put(path, object);
    const auto group = resource->group();
    say(fmt::format("{}{}{}/{} {}", resource->singular, group.empty() ? "" : ".", group, name_of(object),
                    existed ? "configured" : "created"));
  }
}

/// --for=condition=Ready[=true] or --for=delete.
bool holds(Api& api, const std::string& path, const std::string& what) {
  const auto object = api.get(path);
  if (what == "delete") return !object;
  if (!object) return false;
  auto condition = what.substr(what.find('=') + 1);
  std::string status = "True";
  if (const auto equals = condition.find('='); equals != std::string::npos) {
    status = condition.substr(equals + 1);
    condition.resize(equals);
  }
  return to_lower(condition_status(*object, condition)) == to_lower(status);
}

void wait(Api& api, const KubectlOptions& options) {
  Words ignored;
  auto named = names_of(options, 1, ignored);
  if (named.empty() && options.has("all"))
    for (const auto& item : api.list(api_path(demand_resource(options.words[1]), options.ns(), "")))
      named.push_back({&demand_resource(options.words[1]), name_of(item)});
  const auto deadline =
      std::chrono::steady_clock::now() + parse_duration(options.value("timeout", "30s")).value_or(30s);
  for (const auto& [resource, name] : named) {
    const auto path = api_path(*resource, options.ns(), name);
    if (options.value("for") != "delete") demand(api, path);
    while (!holds(api, path, options.value("for"))) {
      if (std::chrono::steady_clock::now() > deadline)
        throw KubectlFailure(
            fmt::format("error: timed out waiting for the condition on {}/{}", resource->plural, name));
      std::this_thread::sleep_for(500ms);
    }
    say(fmt::format("{}/{} condition met", resource->singular, name));
  }
}

}  // namespace

bool kubectl_change(Api& api, const KubectlOptions& options) {
  const auto& verb = options.words.front();
  if (verb == "cordon" || verb == "uncordon")
    cordon(api, options, verb == "cordon");
  else if (verb == "drain")
    drain(api, options);
  else if (verb == "delete")
    erase(api, options);
  else if (verb == "label")
    mark(api, options, "labels", "labeled");
  else if (verb == "annotate")
    mark(api, options, "annotations", "annotated");
  else if (verb == "taint")
    taint(api, options);
  else if (verb == "apply" || verb == "create" || verb == "replace")
    apply(api, options, verb == "create");
  else if (verb == "wait")
    wait(api, options);
  else
    return false;
  return true;
}

}  // namespace hlid::fake_rke2
