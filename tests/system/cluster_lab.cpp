#include "cluster_lab.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "support/tcp_client.h"

namespace hlid::test {
namespace {

constexpr std::size_t kMostServers = 5;
constexpr int kSupervisor = 9345, kDatastore = 2379, kApi = 6443;
const std::string kData = "/var/lib/rancher/rke2/server";

std::string url_of(int port) {
  return fmt::format("https://127.0.0.1:{}", port);
}

std::string need(const sys::ProcessResult& result, Lab& lab) {
  if (!result.ok()) throw Error(Errc::failed, "{}\n{}", result.describe(), lab.transcript());
  return result.output;
}

}  // namespace

ClusterLab::ClusterLab(const std::string& purpose, ClusterShape shape)
    : shape_(std::move(shape)), lab_(purpose) {
  std::vector<TakenPort> held(2 * kMostServers + 1);  // all at once, or the same might come twice
  for (std::size_t i = 0; i < kMostServers; ++i)
    ports_.push_back({held[2 * i].number(), held[2 * i + 1].number()});
  api_port_ = held.back().number();
}

std::string ClusterLab::file(const ClusterShape& shape) const {
  auto text = fmt::format(
      "apiVersion: hlid/v1\n"
      "name: k8s\n"
      "instant: {}\n"
      "clone: linked\n"
      "proxmox: {{node: asgard, storage: local}}\n"
      "template: {{name: k8s-template, vmid: 9000, os: {}, packages: [etcd-server, etcd-client, curl]}}\n"
      "access: {{user: odin, ssh_port: 2222, authorized_keys: [file:~/.ssh/id_ed25519.pub]}}\n"
      "machines:\n"
      "  - {{group: master, role: server, count: {}, vmid: 1001, address: 10.10.10.101, cores: 1, memory: "
      "1GiB, disk: 8GiB}}\n",
      shape.instant, shape.system, shape.servers);
  if (shape.agents > 0)
    text += fmt::format(
        "  - {{group: worker, role: agent, count: {}, vmid: 1011, address: 10.10.10.111, cores: 1, memory: "
        "1GiB, disk: 8GiB}}\n",
        shape.agents);
  text += fmt::format(
      "cluster:\n    distribution: rke2\n    version: {}\n    artifacts: {}\n    vip: 10.10.10.100\n{}"
      "publish:\n  - {{port: {}, to: vip, target_port: {}}}\n",
      shape.version, HLID_FAKE_RKE2_ARTIFACTS, shape.more_of_cluster, api_port_, kApi);
  for (int i = 1; i <= shape.servers; ++i) {
    const auto& ports = ports_.at(static_cast<std::size_t>(i - 1));
    text +=
        fmt::format("  - {{port: {}, to: master-{}, target_port: {}}}\n", ports.supervisor, i, kSupervisor);
    text += fmt::format("  - {{port: {}, to: master-{}, target_port: {}}}\n", ports.datastore, i, kDatastore);
  }
  return lab_.write("k8s.yaml", text).string();
}

sys::ProcessResult ClusterLab::hlid(std::vector<std::string> words, std::chrono::seconds patience) {
  const auto command = std::find(words.begin(), words.end(), "--");
  words.insert(command, {"-f", file(shape_)});
  return lab_.hlid(std::move(words), patience);
}

std::string ClusterLab::in_machine(const std::string& name, const std::string& script) {
  return need(hlid({"ssh", name, "--", "sudo", "sh", "-c", "'" + replace_all(script, "'", "'\\''") + "'"}),
              lab_);
}

void ClusterLab::make_machines() {
  need(hlid({"up", "--yes", "--only", "template"}), lab_);
  need(hlid({"up", "--yes", "--only", "machines"}), lab_);
  for (const auto& server : server_names()) in_machine(server, "systemctl mask --now etcd");
}

void ClusterLab::up() {
  make_machines();
  need(hlid({"up", "--yes"}), lab_);
  learn_access();
}

std::vector<std::string> ClusterLab::server_names() const {
  std::vector<std::string> names;
  for (int i = 1; i <= shape_.servers; ++i) names.push_back(fmt::format("k8s-master-{}", i));
  return names;
}

std::string ClusterLab::save(const std::string& name, const std::string& text) const {
  return lab_.write(name, text).string();
}

void ClusterLab::learn_access() {
  const auto first = server_names().front();
  const auto read = [&](const std::string& path) { return in_machine(first, "cat " + kData + path); };
  etcd_ = {.ca = save("etcd-ca.crt", read("/tls/etcd/server-ca.crt")),
           .certificate = save("etcd-client.crt", read("/tls/etcd/server-client.crt")),
           .key = save("etcd-client.key", read("/tls/etcd/server-client.key"))};
  const auto token = std::string(trim(read("/token")));  // K10<sum>::server:<password>
  const auto begin = token.find("::");
  user_ = begin == std::string::npos ? "server:" + token : token.substr(begin + 2);
}

Look ClusterLab::look_at(const std::string& server) const {
  const auto number = static_cast<std::size_t>(std::stoi(server.substr(server.rfind('-') + 1)));
  const auto& ports = ports_.at(number - 1);
  WebClient supervisor({}, std::chrono::seconds(12));
  WebClient datastore(etcd_, std::chrono::seconds(12));
  Look look;
  if (const auto answer = supervisor.send(url_of(ports.supervisor) + "/db/info", {}, user_);
      answer && answer->status == 200)
    look.members = parse_members(answer->body);
  // Restarting the distribution leaves its etcd alone: that is the voter.
  look.up = look.members || datastore.send(url_of(ports.datastore) + "/health").has_value();
  return look;
}

std::unique_ptr<QuorumWatch> ClusterLab::watch(const std::vector<std::string>& others) {
  auto servers = server_names();
  servers.insert(servers.end(), others.begin(), others.end());
  // An emulated server on a busy host takes seconds to answer: silence alone is no lost voter so soon.
  constexpr WatchPace kPace{std::chrono::seconds(1), std::chrono::seconds(25)};
  return std::make_unique<QuorumWatch>(
      servers, [this](const std::string& server) { return look_at(server); }, kPace);
}

std::unique_ptr<EtcdWriter> ClusterLab::writer() {
  std::vector<std::string> urls;
  for (int i = 0; i < shape_.servers; ++i)
    urls.push_back(url_of(ports_.at(static_cast<std::size_t>(i)).datastore));
  return std::make_unique<EtcdWriter>(urls, etcd_);
}

std::string ClusterLab::api_url() const {
  return url_of(api_port_);
}

}  // namespace hlid::test
