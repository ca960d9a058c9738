#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/text.h"
#include "support/spec_world.h"
#include "sys/files.h"

namespace hlid::spec {
namespace {

Result read_example(const std::string& name, const World& world = test::spec_world()) {
  return read(sys::read_file(std::string(HLID_SOURCE_DIR) + "/examples/" + name), name, world);
}

Result read_text(const std::string& text, const World& world = test::spec_world()) {
  return read(text, "homelab.yaml", world);
}

const std::string kHead = "apiVersion: hlid/v1\nname: lab\n";

TEST(Read, TheReferenceHomelab) {
  const Result result = read_example("valaskjalf.yaml");
  ASSERT_TRUE(result.diagnostics.all().empty()) << result.diagnostics.render();
  const auto& lab = result.homelab;
  EXPECT_EQ(lab.name, "valaskjalf");
  EXPECT_EQ(lab.proxmox.nodes, std::vector<std::string>{"asgard"});
  EXPECT_TRUE(lab.proxmox.embedded());
  EXPECT_EQ(lab.proxmox.storage, "local-zfs");
  EXPECT_EQ(to_string(lab.network.cidr), "10.10.10.0/24");
  EXPECT_EQ(to_string(lab.network.gateway), "10.10.10.1");
  EXPECT_EQ(lab.network.search_domain, "valaskjalf");
  EXPECT_EQ(lab.image.name, "pkr-ubuntu-noble-1");
  EXPECT_EQ(lab.image.vmid.value, 90001);
  EXPECT_EQ(lab.image.timezone, "Europe/Paris");
  EXPECT_EQ(lab.image.packages, (std::vector<std::string>{"vim", "zip", "unzip"}));
  EXPECT_EQ(lab.access.user, "odin");
  EXPECT_EQ(lab.access.ssh_port, 2222);
  EXPECT_EQ(lab.access.authorized_keys, std::vector<std::string>{test::kPublicKey});
  EXPECT_EQ(lab.access.console_password.text, "env:CI_ODIN_PASSWORD");
  ASSERT_TRUE(lab.cluster && lab.backup);
  EXPECT_EQ(lab.cluster->version, "v1.34.1+rke2r1");
  EXPECT_EQ(to_string(*lab.cluster->vip), "10.10.10.100");
  EXPECT_EQ(lab.backup->schedule, "02:00");
  EXPECT_EQ(lab.backup->keep, (std::map<std::string, int>{{"daily", 7}, {"weekly", 4}}));
}

TEST(Read, TheReferenceMachines) {
  const auto lab = read_example("valaskjalf.yaml").homelab;
  ASSERT_EQ(lab.machines.size(), 6U);
  const auto& master = lab.machines[0];
  EXPECT_EQ(master.name, "valaskjalf-master-1");
  EXPECT_EQ(master.role, model::Role::server);
  EXPECT_EQ(master.vmid.value, 1001);
  EXPECT_EQ(to_string(master.address), "10.10.10.101/24");
  EXPECT_EQ(master.cores, 2);
  EXPECT_EQ(master.memory, gib(4));
  EXPECT_EQ(master.disk, gib(50));
  EXPECT_EQ(master.tags, std::vector<std::string>{"rke2"});
  EXPECT_TRUE(master.start_at_boot);
  EXPECT_FALSE(master.linked_clone);
  EXPECT_EQ(master.node, "asgard");
  const auto& worker = lab.machines[4];
  EXPECT_EQ(worker.name, "valaskjalf-worker-2");
  EXPECT_EQ(worker.vmid.value, 1012);
  EXPECT_EQ(to_string(worker.address), "10.10.10.112/24");
  EXPECT_EQ(worker.memory, gib(12));
  EXPECT_EQ(lab.machines[5].memory, gib(24)) << "the override of machine 3";
}

const std::string kPublishing = kHead +
                                "machines:\n"
                                "  - {group: master, role: server, count: 3}\n"
                                "  - {group: worker, role: agent, count: 2, overrides: {2: {address: "
                                "10.10.10.150}}}\n"
                                "cluster: {vip: 10.10.10.100}\n"
                                "publish:\n"
                                "  - {port: 6443, to: vip}\n"
                                "  - {port: 8080, to: worker, target_port: 80}\n"
                                "  - {port: 2022, to: worker-2, target_port: 22, listen: 0.0.0.0}\n"
                                "  - {port: 443, to: 10.10.10.200}\n";

TEST(Read, PublishedPortsLeadToAddresses) {
  const Result result = read_text(kPublishing);
  ASSERT_TRUE(result.diagnostics.all().empty()) << result.diagnostics.render();
  const auto& publish = result.homelab.publish;
  ASSERT_EQ(publish.size(), 4U);
  const auto addresses = [&](std::size_t i) {
    std::string text;
    for (const auto& address : publish[i].addresses) text += to_string(address) + " ";
    return text;
  };
  EXPECT_EQ(to_string(publish[0].listen), "127.0.0.1");
  EXPECT_EQ(publish[0].target_port, 6443);
  EXPECT_EQ(addresses(0), "10.10.10.100 ");
  EXPECT_EQ(publish[1].to, "worker");
  EXPECT_EQ(publish[1].port, 8080);
  EXPECT_EQ(publish[1].target_port, 80);
  EXPECT_EQ(addresses(1), "10.10.10.111 10.10.10.150 ");
  EXPECT_EQ(addresses(2), "10.10.10.150 ");
  EXPECT_EQ(to_string(publish[2].listen), "0.0.0.0");
  EXPECT_EQ(addresses(3), "10.10.10.200 ");
}

TEST(Read, PublishedPortsThatNeedRootAreWarnedOf) {
  auto world = test::spec_world();
  world.first_port = 1024;
  const Result result = read_text(kPublishing, world);
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result.diagnostics.all().size(), 1U) << result.diagnostics.render();
  EXPECT_EQ(result.diagnostics.all()[0].message, "only root may listen on port 443 of this host");
  EXPECT_EQ(result.diagnostics.all()[0].hint,
            "take a port from 1024 on, or allow it, as root: sysctl -w "
            "net.ipv4.ip_unprivileged_port_start=443");
  const auto on_a_server = "proxmox: {endpoint: \"https://asgard.lan\", token: env:CI_ODIN_PASSWORD}\n";
  EXPECT_TRUE(read_text(kPublishing + on_a_server, world).diagnostics.all().empty());
}

TEST(Read, TheShortestFileHasGoodDefaults) {
  const Result result = read_example("minimal.yaml");
  ASSERT_TRUE(result.diagnostics.all().empty()) << result.diagnostics.render();
  const auto& lab = result.homelab;
  ASSERT_EQ(lab.machines.size(), 1U);
  EXPECT_EQ(lab.machines[0].name, "tiny-node-1");
  EXPECT_EQ(lab.machines[0].vmid.value, 1001);
  EXPECT_EQ(to_string(lab.machines[0].address), "10.10.10.101/24");
  EXPECT_EQ(lab.machines[0].role, model::Role::plain);
  EXPECT_EQ(lab.image.name, "tiny-template");
  EXPECT_EQ(lab.image.vmid.value, 90001);
  EXPECT_EQ(to_string(lab.network.gateway), "10.10.10.1");
  EXPECT_EQ(lab.network.dns, std::vector<Ipv4>{lab.network.gateway});
  EXPECT_EQ(lab.access.authorized_keys.size(), 1U);
  EXPECT_FALSE(lab.cluster);
}

TEST(Read, EveryExample) {
  for (const auto& file : std::filesystem::directory_iterator(std::string(HLID_SOURCE_DIR) + "/examples")) {
    if (file.path().extension() != ".yaml") continue;
    const Result result = read_example(file.path().filename().string());
    EXPECT_TRUE(result.diagnostics.all().empty()) << result.diagnostics.render();
  }
}

TEST(Read, GroupsThatGrowNeverMoveTheirNeighbours) {
  const auto with = [](int count) {
    return read_text(kHead + "machines: [{group: a, count: " + std::to_string(count) + "}, {group: b}]\n")
        .homelab;
  };
  EXPECT_EQ(with(1).machines.back().vmid, with(7).machines.back().vmid);
  EXPECT_EQ(with(1).machines.back().address, with(7).machines.back().address);
}

TEST(Read, AliasesAreValues) {
  const Result result =
      read_text(kHead + "machines:\n  - {group: a, tags: &t [x, y]}\n  - {group: b, tags: *t}\n");
  ASSERT_TRUE(result.ok()) << result.diagnostics.render();
  EXPECT_EQ(result.homelab.machines[1].tags, (std::vector<std::string>{"x", "y"}));
}

TEST(Read, CloneOfAGroupOverTheWholeLab) {
  const auto lab =
      read_text(kHead + "clone: linked\nmachines: [{group: a}, {group: b, clone: full}]\n").homelab;
  EXPECT_TRUE(lab.machines[0].linked_clone);
  EXPECT_FALSE(lab.machines[1].linked_clone);
}

TEST(Read, MachinesTakeTheNodesInTurn) {
  const auto lab = read_text(kHead +
                             "proxmox: {node: [a, b], endpoint: 'https://a:8006', token: env:T}\n"
                             "machines: [{group: m, count: 3}]\n")
                       .homelab;
  EXPECT_EQ(lab.machines[0].node, "a");
  EXPECT_EQ(lab.machines[1].node, "b");
  EXPECT_EQ(lab.machines[2].node, "a");
}

TEST(Marks, OfAGroupAndOfOneMachine) {
  const Result result = read_text(kHead +
                                  "machines:\n"
                                  "  - group: m\n"
                                  "    role: server\n"
                                  "    count: 3\n"
                                  "    labels: {tier: db, example.org/rack: 7, ssd: true}\n"
                                  "    taints: [a=b:NoSchedule]\n"
                                  "    overrides: {2: {labels: {tier: web, x: ''}, taints: []}}\n");
  ASSERT_TRUE(result.diagnostics.all().empty()) << result.diagnostics.render();
  using Labels = std::map<std::string, std::string>;
  EXPECT_EQ(result.homelab.machines[0].labels,
            (Labels{{"tier", "db"}, {"example.org/rack", "7"}, {"ssd", "true"}}));
  EXPECT_EQ(result.homelab.machines[1].labels,
            (Labels{{"tier", "web"}, {"example.org/rack", "7"}, {"ssd", "true"}, {"x", ""}}));
  EXPECT_EQ(result.homelab.machines[0].taints, std::vector<std::string>{"a=b:NoSchedule"});
  EXPECT_TRUE(result.homelab.machines[1].taints.empty());
}

TEST(Cluster, OptionsAreValuesOrLists) {
  const Result result = read_text(kHead +
                                  "machines: [{group: m, role: server}]\n"
                                  "cluster:\n"
                                  "  tls_san: [k8s.example.org, 192.0.2.1]\n"
                                  "  pod_network: 172.20.0.0/16\n"
                                  "  ingress: none\n"
                                  "  profile: cis\n"
                                  "  options: {kubelet-arg: [max-pods=200], selinux: true, "
                                  "etcd-snapshot-retention: 9}\n");
  ASSERT_TRUE(result.diagnostics.all().empty()) << result.diagnostics.render();
  const auto& cluster = *result.homelab.cluster;
  EXPECT_EQ(cluster.options,
            (std::map<std::string, model::Option>{{"kubelet-arg", {{"max-pods=200"}, true}},
                                                  {"selinux", {{"true"}, false}},
                                                  {"etcd-snapshot-retention", {{"9"}, false}}}));
  EXPECT_EQ(cluster.tls_san, (std::vector<std::string>{"k8s.example.org", "192.0.2.1"}));
  EXPECT_EQ(to_string(cluster.pod_network), "172.20.0.0/16");
  EXPECT_EQ(to_string(cluster.service_network), "10.43.0.0/16");
  EXPECT_EQ(cluster.ingress, "none");
  EXPECT_EQ(cluster.profile, "cis");
}

TEST(Cluster, OptionsThatHlidDoesNotKnowAreAWarning) {
  const Result result = read_text(kHead +
                                  "machines: [{group: m, role: server}]\n"
                                  "cluster: {options: {kubelet-args: [max-pods=200]}}\n");
  EXPECT_TRUE(result.ok());
  ASSERT_EQ(result.diagnostics.all().size(), 1U);
  EXPECT_EQ(result.diagnostics.all()[0].hint, "did you mean 'kubelet-arg'?");
  EXPECT_EQ(result.homelab.cluster->options.count("kubelet-args"), 1U) << "it is passed on";
}

TEST(Keys, ThatHlidCanMakeAreAWarningAndListed) {
  World world = test::spec_world();
  world.home = "/home/thor";
  world.keys_can_be_made = true;
  const Result result = read_text(kHead + "machines: [{group: a}]\n", world);
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.missing_keys, std::vector<std::string>{"/home/thor/.ssh/id_ed25519.pub"});
  EXPECT_FALSE(result.diagnostics.all().empty());
}

TEST(Keys, ElsewhereAreNeverMade) {
  World world = test::spec_world();
  world.keys_can_be_made = true;
  const Result result =
      read_text(kHead + "access: {authorized_keys: [file:/etc/keys.pub]}\nmachines: [{group: a}]\n", world);
  EXPECT_FALSE(result.ok());
  EXPECT_TRUE(result.missing_keys.empty());
}

TEST(Keys, ThatCannotBeReadAreAnErrorWithTheReason) {
  World world = test::spec_world();
  world.read_file = [](const std::string& path) -> std::optional<std::string> {
    throw Error(Errc::io, "cannot read '{}': permission denied", path);
  };
  const Result result = read_text(kHead + "machines: [{group: a}]\n", world);
  EXPECT_FALSE(result.ok());
  EXPECT_TRUE(contains(result.diagnostics.render(), "permission denied"));
}

TEST(ConsolePassword, OfAnUnsetVariableIsNoneWithAWarning) {
  const Result result = read_text(kHead + "access: {console_password: env:UNSET}\nmachines: [{group: a}]\n");
  EXPECT_TRUE(result.ok());
  EXPECT_TRUE(result.homelab.access.console_password.empty());
  ASSERT_EQ(result.diagnostics.all().size(), 1U);
  EXPECT_EQ(result.diagnostics.all()[0].severity, Severity::warning);
}

TEST(Secrets, WrittenInClearAreNeverShown) {
  const std::string planted = "hunter2-planted";
  const std::string text =
      kHead + "access: {console_password: " + planted + ", nonsense: 1}\nmachines: [{group: a}]\n";
  const Result result = read_text(text);
  EXPECT_FALSE(result.ok());
  EXPECT_FALSE(contains(result.diagnostics.render(text), planted)) << result.diagnostics.render(text);
  const std::string typo = kHead + "access: {console_pasword: " + planted + "}\nmachines: [{group: a}]\n";
  EXPECT_FALSE(contains(read_text(typo).diagnostics.render(typo), planted));
  const std::string listed =
      kHead + "access: {console_password: [" + planted + "]}\nmachines: [{group: a}]\n";
  EXPECT_FALSE(contains(read_text(listed).diagnostics.render(listed), planted));
}

TEST(Limits, OfSizeDepthAndAliases) {
  EXPECT_FALSE(read_text(std::string((1U << 20) + 1, '#')).ok());
  EXPECT_FALSE(read_text(std::string(100'000, '[')).ok());
  EXPECT_FALSE(read_text(std::string(100'000, '{')).ok());
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int level = 1; level < 20; ++level) {
    bomb += fmt::format("a{0}: &a{0} [", level);
    for (int i = 0; i < 10; ++i) bomb += fmt::format("{}*a{}", i == 0 ? "" : ", ", level - 1);
    bomb += "]\n";
  }
  const Result result = read_text(bomb);
  ASSERT_FALSE(result.ok());
  EXPECT_TRUE(contains(result.diagnostics.render(), "more than 20000 values"));
}

TEST(Text, ThatIsNotUtf8IsRefusedAtItsPlace) {
  const Result result = read_text("apiVersion: hlid/v1\nname: \xff\n");
  ASSERT_EQ(result.diagnostics.all().size(), 1U);
  EXPECT_EQ(result.diagnostics.all()[0].at, (Position{"homelab.yaml", 2, 7}));
  for (const char* bad : {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "a\x01"})
    EXPECT_FALSE(read_text(bad).ok());
}

}  // namespace
}  // namespace hlid::spec
