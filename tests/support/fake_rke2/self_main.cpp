#include <memory>

#include "base/text.h"
#include "support/fake_rke2/self_cluster.h"

namespace hlid::test {
namespace {

std::unique_ptr<Cluster>& slot() {
  static std::unique_ptr<Cluster> cluster;
  return cluster;
}

}  // namespace

Cluster& cluster() {
  if (!slot()) slot() = std::make_unique<Cluster>();
  return *slot();
}

void drop_cluster() {
  slot().reset();
}

std::string Cluster::token() {
  return std::string(trim(m1.read("/var/lib/rancher/rke2/server/token")));
}

void Cluster::configure_server(Rke2Box& box, bool joins) {
  box.configure(
      (joins ? "server: https://" + kVip + ":9345\ntoken: " + token() : "token: " + std::string(kToken)) +
      "\ntls-san: [" + kVip + "]\nnode-ip: " + box.address() + "\n");
}

void Cluster::configure_agent(Rke2Box& box) {
  box.configure("server: https://" + kVip + ":9345\ntoken: " + token() + "\nnode-label: [tier=work]\n");
}

void Cluster::kill_all(Rke2Box& box) {
  box.sh("rke2-killall.sh; ip address delete \"$1\"/32 dev eth0 2>/dev/null", {kVip});
}

bool Cluster::all_vote(Rke2Box& asked) {
  return asked.members() == Names{"m1 voter", "m2 voter", "m3 voter"};
}

bool Cluster::all_ready(Rke2Box& asked) {
  return ready_nodes(asked) == Names{"m1", "m2", "m3", "w1", "w2"};
}

Names ready_nodes(Rke2Box& box) {
  const auto result = box.try_kubectl("get nodes --no-headers");
  Names out;
  for (const auto& line : split_list(result.output, "\n")) {
    const auto words = split_list(line, " ");
    if (words.size() > 1 && words[1].starts_with("Ready")) out.push_back(words[0]);
  }
  return out;
}

bool is_active(Rke2Box& box, const std::string& role) {
  return box.unit_state(role) == "active/running";
}

}  // namespace hlid::test

int main(int count, char** words) {
  const int status =
      hlid::test::run_in_boxes(count, words,
                               "Form.*:Members.Rebuilt*:Members.Labels*:Upkeep.Snapshot*:Upkeep.Restore*:"
                               "Faults.Wrong*:Faults.NeverReady*");
  hlid::test::drop_cluster();
  return status;
}
