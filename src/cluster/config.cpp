#include "cluster/config.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "cluster/hardening.h"
#include "cluster/traits.h"
#include "model/distribution_option.h"
#include "model/node_marks.h"
#include "model/published.h"
#include "sys/hash.h"

namespace hlid::cluster {
namespace {

using model::Role;

constexpr std::string_view kHead =
    "# Written by hlid from the homelab file: changes here are lost. Your own belong in config.yaml, or in "
    "a\n"
    "# drop-in that sorts after this one.\n";

/// Keys that need no restart: labels and taints are changed live, the other two are read only by a machine
/// that has no datastore yet.
const std::set<std::string_view> kLive{"node-label", "node-taint", "server", "cluster-init"};

/// Lines "key: value". Every JSON text is YAML 1.2, and its strings mean the same in YAML 1.1: nothing of a
/// value can be taken for a number, a boolean or a comment.
class Lines {
 public:
  void add(std::string_view key, std::string_view value) {
    out_ += fmt::format("{}: {}\n", key, to_text(json::string(value)));
  }
  void add(std::string_view key, const std::vector<std::string>& values) {
    if (values.empty()) return;
    json::array list;
    for (const auto& value : values) list.emplace_back(json::string(value));
    out_ += fmt::format("{}: {}\n", key, to_text(list));
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_{kHead};
};

/// Where the host has the API published, unless that is 127.0.0.1, which is in every server's certificate.
std::optional<std::string> published_name(const model::Homelab& lab) {
  const auto* published = model::published_servers(lab, traits_of(lab.cluster->distribution).api_port);
  if (published == nullptr) return std::nullopt;
  const auto name = to_string(model::reached_at(*published));
  return name == "127.0.0.1" ? std::nullopt : std::optional(name);
}

/// The VIP first, then the machine's own names, then the user's; each once. Not the other servers': a server
/// more would restart all.
std::vector<std::string> names_of(const model::Homelab& lab, const model::Machine& machine) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  if (lab.cluster->vip) add(to_string(*lab.cluster->vip));
  add(machine.name);
  if (!lab.network.search_domain.empty()) add(machine.name + "." + lab.network.search_domain);
  add(to_string(machine.address.address));
  if (const auto host = published_name(lab)) add(*host);
  for (const auto& name : lab.cluster->tls_san) add(name);
  return names;
}

std::vector<std::string> labels_of(const model::Machine& machine) {
  std::vector<std::string> labels;
  for (const auto& [key, value] : machine.labels)
    if (model::kubelet_may_set(key)) labels.push_back(fmt::format("{}={}", key, value));
  return labels;
}

/// "key=value:Effect" always: the distribution hands it on to the kubelet in that form.
std::vector<std::string> taints_of(const model::Machine& machine) {
  std::vector<std::string> taints;
  for (const auto& taint : machine.taints) {
    const auto parts = model::split_taint(taint);
    taints.push_back(fmt::format("{}={}:{}", parts.key, parts.value, parts.effect));
  }
  return taints;
}

void add_network(const model::Cluster& cluster, Lines& lines) {
  if (cluster.distribution != "k3s") {
    lines.add("cni", cluster.cni);
    if (!cluster.ingress.empty()) lines.add("ingress-controller", cluster.ingress);
  } else {
    if (cluster.cni == "none") {
      lines.add("flannel-backend", "none");
      lines.add("disable-network-policy", "true");
    }
    if (cluster.ingress == "none") lines.add("disable", std::vector<std::string>{"traefik"});
  }
  lines.add("cluster-cidr", to_string(cluster.pod_network));
  lines.add("service-cidr", to_string(cluster.service_network));
}

void add_options(const model::Cluster& cluster, Role role, Lines& lines) {
  for (const auto& [key, option] : cluster.options) {
    const auto* known = model::find_option(cluster.distribution, key);
    if (role == Role::agent && known != nullptr && !known->agents) continue;
    if (option.list) {
      lines.add(key, option.values);
    } else {
      lines.add(key, option.values.front());
    }
  }
}

std::string drop_in_of(const Traits& traits) {
  return std::string(traits.config) + ".d/";
}

MachineFile unit_drop_in(const Traits& traits, std::string_view unit) {
  return {
      fmt::format("/etc/systemd/system/{}.service.d/10-hlid.conf", unit),
      fmt::format("# Written by hlid. Keeps the configuration that this start reads, so that one can see\n"
                  "# whether a later change still waits for a restart.\n"
                  "[Service]\n"
                  "ExecStartPre=-/bin/cp -f {} {}\n",
                  config_path(std::string(traits.name)), applied_path(std::string(traits.name))),
      "0644"};
}

/// key → its whole line, without those that need no restart.
std::map<std::string, std::string, std::less<>> restart_lines(std::string_view rendered) {
  std::map<std::string, std::string, std::less<>> lines;
  for (const auto& line : split(rendered, '\n')) {
    const auto colon = line.find(": ");
    if (line.empty() || line.front() == '#' || colon == std::string::npos) continue;
    const auto key = line.substr(0, colon);
    if (kLive.count(key) == 0) lines[key] = line;
  }
  return lines;
}

}  // namespace

std::string config_path(const std::string& distribution) {
  return drop_in_of(traits_of(distribution)) + "10-hlid.yaml";
}

std::string token_path(const std::string& distribution) {
  return drop_in_of(traits_of(distribution)) + "11-hlid-token.yaml";
}

std::string applied_path(const std::string& distribution) {
  return fmt::format("/run/hlid-{}.yaml", traits_of(distribution).name);
}

std::string render_config(const model::Homelab& lab, const model::Machine& machine, Stage stage,
                          std::string_view server_url) {
  if (machine.role == Role::plain) throw std::logic_error(machine.name + " is no part of the cluster");
  const auto& cluster = *lab.cluster;
  const bool server = machine.role == Role::server;
  Lines lines;
  const auto url = stage == Stage::settled ? settled_url(lab, machine) : std::string(server_url);
  if (stage != Stage::first_boot && !url.empty()) lines.add("server", url);
  if (stage == Stage::first_boot && server && traits_of(cluster.distribution).cluster_init)
    lines.add("cluster-init", "true");
  lines.add("node-name", machine.name);
  lines.add("node-ip", to_string(machine.address.address));
  lines.add("node-label", labels_of(machine));
  lines.add("node-taint", taints_of(machine));
  if (server) {
    lines.add("tls-san", names_of(lab, machine));
    add_network(cluster, lines);
    lines.add("write-kubeconfig-mode", "0600");
  }
  if (!cluster.profile.empty()) lines.add("profile", cluster.profile);
  add_options(cluster, machine.role, lines);
  return lines.take();
}

std::vector<MachineFile> config_files(const model::Homelab& lab, const model::Machine& machine, Stage stage,
                                      std::string_view server_url) {
  const auto& traits = traits_of(lab.cluster->distribution);
  return {{config_path(lab.cluster->distribution), render_config(lab, machine, stage, server_url), "0644"},
          unit_drop_in(traits, traits.unit(machine.role == Role::server))};
}

std::vector<std::string> leftover_paths(const std::string& distribution) {
  const auto& traits = traits_of(distribution);
  std::vector<std::string> paths{applied_path(distribution)};
  for (const auto unit : {traits.server_unit, traits.agent_unit})
    paths.push_back(unit_drop_in(traits, unit).path);
  for (const auto path : host_setting_paths()) paths.emplace_back(path);
  return paths;
}

Secret render_token(const Secret& token) {
  return Secret(fmt::format("# Written by hlid.\ntoken: {}\n", to_text(json::string(token.reveal()))));
}

std::string server_url(const std::string& distribution, Ipv4 address) {
  return fmt::format("https://{}:{}", to_string(address), traits_of(distribution).supervisor_port);
}

std::string settled_url(const model::Homelab& lab, const model::Machine& machine) {
  const auto& distribution = lab.cluster->distribution;
  if (lab.cluster->vip) return server_url(distribution, *lab.cluster->vip);
  for (const auto& other : lab.machines)
    if (other.role == Role::server && other.name != machine.name)
      return server_url(distribution, other.address.address);
  return {};
}

std::string config_hash(std::string_view rendered) {
  std::string lines;
  for (const auto& [key, line] : restart_lines(rendered)) lines += line + "\n";
  return sys::sha256_hex(lines);
}

std::string config_hash(const model::Homelab& lab, const model::Machine& machine) {
  return config_hash(render_config(lab, machine, Stage::settled));
}

std::vector<std::string> pending_keys(std::string_view applied, std::string_view wanted) {
  auto before = restart_lines(applied);
  std::set<std::string> keys;
  for (const auto& [key, line] : restart_lines(wanted)) {
    const auto there = before.find(key);
    if (there == before.end() || there->second != line) keys.insert(key);
    if (there != before.end()) before.erase(there);
  }
  for (const auto& [key, line] : before) keys.insert(key);
  return {keys.begin(), keys.end()};
}

}  // namespace hlid::cluster
