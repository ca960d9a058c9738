#include "support/fake_rke2/config.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/journal.h"
#include "support/fake_rke2/yaml.h"
#include "sys/files.h"

namespace hlid::fake_rke2 {
namespace {

using Values = std::map<std::string, std::vector<std::string>>;

/// Flags that both roles know, and those of servers alone.
const std::set<std::string> kCommon = {"config",
                                       "debug",
                                       "data-dir",
                                       "token",
                                       "token-file",
                                       "server",
                                       "node-name",
                                       "with-node-id",
                                       "node-label",
                                       "node-taint",
                                       "node-ip",
                                       "node-external-ip",
                                       "bind-address",
                                       "resolv-conf",
                                       "private-registry",
                                       "system-default-registry",
                                       "disable-default-registry-endpoint",
                                       "selinux",
                                       "protect-kernel-defaults",
                                       "profile",
                                       "kubelet-arg",
                                       "kube-proxy-arg",
                                       "snapshotter",
                                       "lb-server-port",
                                       "cloud-provider-name",
                                       "cloud-provider-config",
                                       "container-runtime-endpoint",
                                       "image-credential-provider-config",
                                       "image-credential-provider-bin-dir",
                                       "vpn-auth",
                                       "node-internal-dns",
                                       "node-external-dns",
                                       "enable-pprof",
                                       "pod-priority-class"};
const std::set<std::string> kServer = {"tls-san",
                                       "tls-san-security",
                                       "advertise-address",
                                       "advertise-port",
                                       "cni",
                                       "cluster-cidr",
                                       "service-cidr",
                                       "service-node-port-range",
                                       "cluster-dns",
                                       "cluster-domain",
                                       "agent-token",
                                       "agent-token-file",
                                       "disable",
                                       "disable-scheduler",
                                       "disable-cloud-controller",
                                       "disable-kube-proxy",
                                       "disable-apiserver",
                                       "disable-controller-manager",
                                       "disable-etcd",
                                       "ingress-controller",
                                       "egress-selector-mode",
                                       "servicelb-namespace",
                                       "etcd-snapshot-schedule-cron",
                                       "etcd-snapshot-retention",
                                       "etcd-snapshot-dir",
                                       "etcd-snapshot-name",
                                       "etcd-snapshot-compress",
                                       "etcd-disable-snapshots",
                                       "etcd-snapshot-reconcile-interval",
                                       "etcd-expose-metrics",
                                       "etcd-s3",
                                       "etcd-s3-endpoint",
                                       "etcd-s3-bucket",
                                       "etcd-s3-region",
                                       "etcd-s3-folder",
                                       "etcd-s3-access-key",
                                       "etcd-s3-secret-key",
                                       "etcd-s3-config-secret",
                                       "etcd-arg",
                                       "etcd-extra-mount",
                                       "etcd-extra-env",
                                       "etcd-image",
                                       "secrets-encryption",
                                       "secrets-encryption-provider",
                                       "write-kubeconfig",
                                       "write-kubeconfig-mode",
                                       "write-kubeconfig-group",
                                       "kube-apiserver-arg",
                                       "kube-scheduler-arg",
                                       "kube-controller-manager-arg",
                                       "cloud-controller-manager-arg",
                                       "control-plane-resource-requests",
                                       "control-plane-resource-limits",
                                       "kube-apiserver-image",
                                       "kube-controller-manager-image",
                                       "cluster-reset",
                                       "cluster-reset-restore-path",
                                       "audit-policy-file",
                                       "pod-security-admission-config-file",
                                       "enable-servicelb",
                                       "embedded-registry",
                                       "supervisor-metrics",
                                       "helm-job-image",
                                       "datastore-endpoint",
                                       "kine-tls",
                                       "prime"};
/// Of the subcommands; never in files.
const std::set<std::string> kCommands = {
    "name",  "snapshot-compress", "dir", "output", "o", "new-token", "snapshot-retention", "service", "path",
    "force", "etcd-server",       "s"};
/// Flags that take no value when they stand alone.
const std::set<std::string> kSwitches = {"debug",
                                         "selinux",
                                         "protect-kernel-defaults",
                                         "with-node-id",
                                         "disable-scheduler",
                                         "disable-cloud-controller",
                                         "disable-kube-proxy",
                                         "disable-apiserver",
                                         "disable-controller-manager",
                                         "disable-etcd",
                                         "etcd-snapshot-compress",
                                         "etcd-disable-snapshots",
                                         "etcd-expose-metrics",
                                         "etcd-s3",
                                         "cluster-reset",
                                         "embedded-registry",
                                         "secrets-encryption",
                                         "tls-san-security",
                                         "snapshot-compress",
                                         "force",
                                         "enable-servicelb",
                                         "enable-pprof",
                                         "disable-default-registry-endpoint",
                                         "prime",
                                         "supervisor-metrics"};

bool is_known(const std::string& key, bool server) {
  return kCommon.contains(key) || (server && kServer.contains(key));
}

std::vector<std::string> scalars(const YAML::Node& node) {
  std::vector<std::string> out;
  if (node.IsSequence())
    for (const auto& item : node) out.push_back(item.as<std::string>(""));
  else if (!node.IsNull())
    out.push_back(node.as<std::string>(""));
  return out;
}

/// `key` as in the flag: K3s also takes underscores nowhere, so names stay as written.
void merge_file(const fs::path& path, bool server, Values& values) {
  YAML::Node document;
  try {
    document = YAML::Load(sys::read_file(path));
  } catch (const YAML::Exception& problem) {
    journal::fatal("failed to parse config file {}: {}", path.string(), problem.what());
  }
  if (document.IsNull()) return;
  if (!document.IsMap()) journal::fatal("failed to parse config file {}: not a mapping", path.string());
  for (const auto& entry : document) {
    auto key = entry.first.as<std::string>();
    const bool adds = key.ends_with('+');
    if (adds) key.pop_back();
    if (!is_known(key, server)) {
      // Keys of the other role are usual in shared files; the text is the same.
      journal::warning("Unknown flag --{} found in config.yaml, skipping\n", key);
      continue;
    }
    auto given = scalars(entry.second);
    auto& slot = values[key];
    if (!adds) slot.clear();
    slot.insert(slot.end(), given.begin(), given.end());
  }
}

std::vector<fs::path> drop_ins(const fs::path& config) {
  std::vector<fs::path> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(config.string() + ".d", none))
    if (entry.is_regular_file() &&
        (entry.path().extension() == ".yaml" || entry.path().extension() == ".yml"))
      out.push_back(entry.path());
  std::ranges::sort(out);
  return out;
}

const char* environment(const std::string& name) {
  return std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): before any thread
}

struct CommandLine {
  Values values;
  std::vector<std::string> words;
};

CommandLine parse_arguments(const std::vector<std::string>& arguments) {
  CommandLine out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& word = arguments[i];
    if (!word.starts_with('-')) {
      out.words.push_back(word);
      continue;
    }
    auto key = word.substr(word.starts_with("--") ? 2 : 1);
    std::optional<std::string> value;
    if (const auto equals = key.find('='); equals != std::string::npos) {
      value = key.substr(equals + 1);
      key.resize(equals);
    }
    if (key == "t") key = "token";
    if (key == "c") key = "config";
    if (key == "d") key = "data-dir";
    if (!is_known(key, true) && !kCommands.contains(key))
      throw Error(Errc::usage, "flag provided but not defined: -{}", key);
    if (!value && !kSwitches.contains(key)) {
      if (i + 1 == arguments.size()) throw Error(Errc::usage, "flag needs an argument: -{}", key);
      value = arguments[++i];
    }
    out.values[key].push_back(value.value_or("true"));
  }
  return out;
}

}  // namespace

Config Config::load(const std::vector<std::string>& arguments, bool server) {
  Config config;
  auto line = parse_arguments(arguments);
  for (const char* key : {"token", "token-file", "agent-token", "node-name", "data-dir", "server"}) {
    const auto variable = std::string(key) == "server" ? std::string("RKE2_URL")
                                                       : "RKE2_" + to_upper(replace_all(key, "-", "_"));
    if (const char* given = environment(variable); given && *given) config.values_[key] = {given};
  }
  fs::path file = kConfigFile;
  bool must_exist = false;
  if (const char* given = environment("RKE2_CONFIG_FILE"); given && *given) {
    file = given;
    must_exist = true;
  } else if (line.values.contains("config")) {
    file = line.values["config"].back();
    must_exist = true;
  }
  if (fs::exists(file))
    merge_file(file, server, config.values_);
  else if (must_exist)
    journal::fatal("open {}: no such file or directory", file.string());
  for (const auto& path : drop_ins(file)) merge_file(path, server, config.values_);
  for (auto& [key, value] : line.values) config.values_[key] = std::move(value);
  config.words_ = std::move(line.words);
  return config;
}

std::optional<std::string> Config::text(const std::string& key) const {
  const auto found = values_.find(key);
  if (found == values_.end() || found->second.empty()) return std::nullopt;
  return found->second.back();
}

std::string Config::text(const std::string& key, const std::string& otherwise) const {
  return text(key).value_or(otherwise);
}

std::vector<std::string> Config::list(const std::string& key) const {
  std::vector<std::string> out;
  const auto found = values_.find(key);
  if (found == values_.end()) return out;
  for (const auto& value : found->second)
    for (auto& part : split_list(value, ",")) out.push_back(std::string(trim(part)));
  return out;
}

bool Config::flag(const std::string& key) const {
  const auto value = text(key);
  return value && (*value == "true" || *value == "1" || *value == "yes");
}

Layout Config::layout() const {
  return {text("data-dir", "/var/lib/rancher/rke2")};
}

std::string Config::node_name() const {
  if (const auto given = text("node-name")) return to_lower(*given);
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return to_lower(name);
}

std::string Config::node_ip() const {
  if (const auto given = list("node-ip"); !given.empty()) return given.front();
  // The source address towards anywhere is that of the default route; nothing is sent.
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  ::inet_pton(AF_INET, "192.0.2.1", &address.sin_addr);
  socklen_t size = sizeof address;
  char text[INET_ADDRSTRLEN] = "127.0.0.1";
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0)
    ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
  else
    journal::fatal("unable to select an IP from default routes.");
  ::close(fd);
  return text;
}

std::optional<std::string> Config::token() const {
  if (const auto given = text("token"); given && !given->empty()) return given;
  if (const auto file = text("token-file")) return std::string(trim(sys::read_file(*file)));
  return std::nullopt;
}

std::optional<std::string> Config::agent_token() const {
  if (const auto given = text("agent-token"); given && !given->empty()) return given;
  if (const auto file = text("agent-token-file")) return std::string(trim(sys::read_file(*file)));
  return std::nullopt;
}

}  // namespace hlid::fake_rke2
