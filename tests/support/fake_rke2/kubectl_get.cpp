// kubectl get: the objects, and how they are shown.
#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/jsonpath.h"
#include "support/fake_rke2/kubectl_options.h"
#include "support/fake_rke2/node.h"

namespace hlid::fake_rke2 {
namespace {

using Row = std::vector<std::string>;

void print_table(const std::vector<Row>& rows, bool headers) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], row[i].size());
    }
  for (std::size_t r = headers ? 0 : 1; r < rows.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < rows[r].size(); ++i)
      line += i + 1 == rows[r].size() ? rows[r][i] : fmt::format("{:<{}}", rows[r][i], widths[i] + 3);
    std::puts(line.c_str());
  }
}

bool unschedulable(const json::value& node) {
  const auto* spec = node.as_object().if_contains("spec");
  return spec != nullptr && get_bool(spec->as_object(), "unschedulable").value_or(false);
}

std::string node_status(const json::value& node) {
  const auto ready = condition_status(node.as_object(), "Ready") == "True" ? "Ready" : "NotReady";
  return std::string(ready) + (unschedulable(node) ? ",SchedulingDisabled" : "");
}

std::string roles_of(const json::value& node) {
  std::vector<std::string> out;
  const std::string start = "node-role.kubernetes.io/";
  if (const auto* labels = node.at("metadata").as_object().if_contains("labels"))
    for (const auto& [key, value] : labels->as_object())
      if (key.starts_with(start)) out.push_back(std::string(key).substr(start.size()));
  std::ranges::sort(out);
  return out.empty() ? "<none>" : join(out, ",");
}

std::string address_of(const json::value& node) {
  const auto* status = node.as_object().if_contains("status");
  const auto* list = status == nullptr ? nullptr : status->as_object().if_contains("addresses");
  return list == nullptr || list->as_array().empty() ? "<none>" : text_at(list->as_array()[0], {"address"});
}

Row node_row(const json::value& node, bool wide) {
  Row row{name_of(node), node_status(node), roles_of(node), "1m",
          text_at(node, {"status", "nodeInfo", "kubeletVersion"})};
  if (!wide) return row;
  for (const auto& text :
       {address_of(node), std::string("<none>"), text_at(node, {"status", "nodeInfo", "osImage"}),
        text_at(node, {"status", "nodeInfo", "kernelVersion"}),
        text_at(node, {"status", "nodeInfo", "containerRuntimeVersion"})})
    row.push_back(text);
  return row;
}

std::vector<Row> rows_of(const Resource& resource, const std::vector<json::value>& items, bool wide,
                         bool all) {
  std::vector<Row> rows;
  if (resource.plural == "nodes") {
    rows.push_back({"NAME", "STATUS", "ROLES", "AGE", "VERSION"});
    if (wide)
      rows[0].insert(rows[0].end(),
                     {"INTERNAL-IP", "EXTERNAL-IP", "OS-IMAGE", "KERNEL-VERSION", "CONTAINER-RUNTIME"});
    for (const auto& node : items) rows.push_back(node_row(node, wide));
    return rows;
  }
  const bool pods = resource.plural == "pods";
  rows.push_back(pods ? Row{"NAME", "READY", "STATUS", "RESTARTS", "AGE"} : Row{"NAME", "AGE"});
  if (all) rows[0].insert(rows[0].begin(), "NAMESPACE");
  for (const auto& item : items) {
    const auto phase = text_at(item, {"status", "phase"});
    Row row = pods ? Row{name_of(item), phase == "Running" ? "1/1" : "0/1", phase, "0", "1m"}
                   : Row{name_of(item), "1m"};
    if (all) row.insert(row.begin(), namespace_of(item));
    rows.push_back(row);
  }
  return rows;
}

/// "a=b,c!=d,e" against the labels.
bool selected(const json::value& item, const std::string& selector) {
  for (const auto& term : split_list(selector, ",")) {
    const auto equals = term.find('=');
    const bool negated = equals != std::string::npos && equals > 0 && term[equals - 1] == '!';
    const auto key = term.substr(0, negated ? equals - 1 : equals);
    const auto label = mark_of(item, "labels", key.starts_with('!') ? key.substr(1) : key);
    if (equals == std::string::npos) {
      if (label.has_value() == key.starts_with('!')) return false;
      continue;
    }
    auto wanted = term.substr(equals + 1);
    if (wanted.starts_with('=')) wanted.erase(0, 1);
    if ((label == wanted) == negated) return false;
  }
  return true;
}

/// "spec.nodeName=x,metadata.name!=y".
bool field_selected(const json::value& item, const std::string& selector) {
  for (const auto& term : split_list(selector, ",")) {
    const auto equals = term.find('=');
    const bool negated = equals > 0 && term[equals - 1] == '!';
    const auto path = split(term.substr(0, negated ? equals - 1 : equals), '.');
    if ((text_at(item, path) == term.substr(equals + 1)) == negated) return false;
  }
  return true;
}

struct Wanted {
  const Resource* resource = nullptr;
  std::vector<std::string> names;
};

/// "nodes", "node N M", "node/N", "nodes,pods".
std::vector<Wanted> wanted_of(const KubectlOptions& options) {
  if (options.words.size() < 2) throw KubectlFailure("error: You must specify the type of resource to get.");
  std::vector<Wanted> out;
  if (contains(options.words[1], "/")) {
    for (std::size_t i = 1; i < options.words.size(); ++i) {
      const auto slash = options.words[i].find('/');
      out.push_back(
          {&demand_resource(options.words[i].substr(0, slash)), {options.words[i].substr(slash + 1)}});
    }
    return out;
  }
  for (const auto& word : split_list(options.words[1], ","))
    out.push_back({&demand_resource(word), {options.words.begin() + 2, options.words.end()}});
  return out;
}

std::vector<json::value> fetch(Api& api, const KubectlOptions& options, const Wanted& wanted) {
  const auto ns = options.has("all-namespaces") ? std::string() : options.ns();
  std::vector<json::value> items;
  for (const auto& name : wanted.names) {
    const auto path = api_path(*wanted.resource, options.ns(), name);
    if (options.has("ignore-not-found")) {
      if (auto found = api.get(path)) items.emplace_back(std::move(*found));
    } else {
      items.push_back(parse_json(api.raw("GET", path)));
    }
  }
  if (!wanted.names.empty()) return items;
  for (auto& item : api.list(api_path(*wanted.resource, ns, "")))
    if (selected(item, options.value("selector")) && field_selected(item, options.value("field-selector")))
      items.push_back(std::move(item));
  return items;
}

json::value as_answer(const std::vector<json::value>& items, bool single) {
  if (single && items.size() == 1) return items.front();
  return json::object{{"apiVersion", "v1"},
                      {"items", json::array(items.begin(), items.end())},
                      {"kind", "List"},
                      {"metadata", json::object{{"resourceVersion", ""}}}};
}

void print_columns(const std::vector<json::value>& items, const std::string& specification, bool headers) {
  std::vector<Row> rows{{}};
  std::vector<std::string> paths;
  for (const auto& column : split(specification, ',')) {
    const auto colon = column.find(':');
    rows[0].push_back(column.substr(0, colon));
    paths.push_back(column.substr(colon + 1));
  }
  for (const auto& item : items) {
    Row row;
    for (const auto& path : paths) {
      auto text = jsonpath("{" + path + "}", item);
      row.push_back(text.empty() ? "<none>" : text);
    }
    rows.push_back(row);
  }
  print_table(rows, headers);
}

void print_items(const Resource& resource, const std::vector<json::value>& items,
                 const KubectlOptions& options, bool single) {
  const auto output = options.value("output");
  if (output == "json") {
    std::fputs(to_pretty_text(as_answer(items, single)).c_str(), stdout);
  } else if (output == "name") {
    for (const auto& item : items) {
      const auto group = resource.group();
      std::puts(fmt::format("{}{}{}/{}", resource.singular, group.empty() ? "" : ".", group, name_of(item))
                    .c_str());
    }
  } else if (output.starts_with("jsonpath=")) {
    std::fputs(jsonpath(output.substr(9), as_answer(items, single)).c_str(), stdout);
  } else if (output.starts_with("custom-columns=")) {
    print_columns(items, output.substr(15), !options.has("no-headers"));
  } else if (output.empty() || output == "wide") {
    if (items.empty()) {
      if (!options.has("ignore-not-found"))
        std::fputs(resource.namespaced && !options.has("all-namespaces")
                       ? fmt::format("No resources found in {} namespace.\n", options.ns()).c_str()
                       : "No resources found\n",
                   stderr);
      return;
    }
    print_table(rows_of(resource, items, output == "wide", options.has("all-namespaces")),
                !options.has("no-headers"));
  } else {
    throw KubectlFailure(
        fmt::format("error: unable to match a printer suitable for the output format \"{}\"", output));
  }
}

}  // namespace

void kubectl_get(Api& api, const KubectlOptions& options) {
  const auto wanted = wanted_of(options);
  if (wanted.size() == 1) {
    const auto items = fetch(api, options, wanted[0]);
    const bool single = wanted[0].names.size() == 1;
    if (items.empty() && single) return;
    return print_items(*wanted[0].resource, items, options, single);
  }
  std::vector<json::value> all;
  for (const auto& entry : wanted)
    for (auto& item : fetch(api, options, entry)) all.push_back(std::move(item));
  print_items(*wanted[0].resource, all, options, false);
}

}  // namespace hlid::fake_rke2
