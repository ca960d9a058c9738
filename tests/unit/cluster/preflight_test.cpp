#include "cluster/preflight.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text.h"
#include "cluster_lab.h"
#include "path_guest.h"
#include "support/fake_clock.h"

namespace hlid::cluster {
namespace {

const std::string kGood =
    "now\t1700000000\nhostname\tlab-m-1\narchitecture\tx86_64\nkernel\t6.8.0-45-generic\nsystemd\tyes\n"
    "cgroup2\tyes\nlistening\t0.0.0.0:2222 users:((\"sshd\",pid=700,fd=3))\nlistening\t[::]:2222 \n"
    "cores\t2\nmemory\t4012345\nswap\t0\nfree\t41943040 /\ndefault-route\tyes\nname-server\t127.0.0.53\n"
    "upstream\t10.10.10.1\nsynchronized\tyes\nend\trke2\n";

HostFacts good() {
  auto facts = parse_host_report(kGood);
  facts.machine = "lab-m-1";
  return facts;
}

std::vector<Problem> check(const HostFacts& facts, std::size_t machine = 0) {
  const auto lab = test::cluster_lab();
  return check_host(facts, lab.machines[machine], *lab.cluster);
}

std::vector<std::string> codes(const std::vector<Problem>& problems) {
  std::vector<std::string> out;
  for (const auto& problem : problems) out.push_back(problem.code + (problem.fatal ? "" : "?"));
  return out;
}

using Codes = std::vector<std::string>;

TEST(Preflight, AGoodMachineHasNoProblems) {
  const auto facts = good();
  EXPECT_EQ(facts.free, gib(40));
  EXPECT_EQ(facts.mounted_on, "/");
  EXPECT_EQ(facts.listening.at(0).process, "sshd");
  EXPECT_EQ(facts.listening.at(1).address, "[::]");
  EXPECT_EQ(codes(check(facts)), Codes{});
}

TEST(Preflight, AReportThatIsCutShortIsNoneAtAll) {
  EXPECT_THROW(parse_host_report(""), Error);
  EXPECT_THROW(parse_host_report(kGood.substr(0, kGood.size() - 10)), Error);
  EXPECT_THROW(parse_host_report("cores\tmany\nend\trke2\n"), Error);
  EXPECT_THROW(parse_host_report("listening\tnowhere\nend\trke2\n"), Error);
}

TEST(Preflight, PortsAreThoseOfTheRole) {
  auto facts = good();
  facts.listening = {{"127.0.0.1", 2379, "etcd"}, {"0.0.0.0", 10250, ""}};
  const auto problems = check(facts);
  ASSERT_EQ(codes(problems), (Codes{"port-in-use", "port-in-use"}));
  EXPECT_EQ(problems[0].evidence, "etcd listens on 127.0.0.1:2379");
  EXPECT_EQ(problems[0].fix, "systemctl mask --now etcd: the cluster brings its own");
  EXPECT_EQ(codes(check(facts, 3)), Codes{"port-in-use"}) << "agents do not need etcd's";
  facts.started = true;
  EXPECT_EQ(codes(check(facts)), Codes{}) << "they are the cluster's own";
}

TEST(Preflight, TheSystem) {
  auto facts = good();
  facts.systemd = facts.cgroup2 = false;
  facts.architecture = "riscv64";
  facts.missing_modules = {"br_netfilter", "vxlan"};
  EXPECT_EQ(codes(check(facts)),
            (Codes{"architecture", "no-systemd", "cgroup-v1?", "kernel-module", "kernel-module"}));
  auto lab = test::cluster_lab();
  lab.cluster->version = "v1.35.1+rke2r1";
  lab.cluster->cni = "cilium";
  EXPECT_EQ(codes(check_host(facts, lab.machines[0], *lab.cluster)),
            (Codes{"architecture", "no-systemd", "cgroup-v1", "kernel-module"}));
}

TEST(Preflight, Room) {
  auto facts = good();
  facts.cores = 1;
  facts.memory = gib(2);
  facts.free = gib(5);
  facts.swap = gib(1);
  EXPECT_EQ(codes(check(facts)), (Codes{"few-cores?", "little-memory?", "little-space?", "swap?"}));
  EXPECT_EQ(codes(check(facts, 3)), (Codes{"little-space?", "swap?"})) << "an agent needs less";
  facts.free = mib(500);
  facts.noexec = true;
  EXPECT_EQ(codes(check(facts, 3)), (Codes{"no-space", "noexec", "swap?"}));
}

TEST(Preflight, NetworkAndNeighbours) {
  auto facts = good();
  facts.default_route = false;
  facts.upstream_name_servers.clear();
  facts.leftovers = {"/etc/kubernetes/manifests"};
  facts.active = {"firewalld", "ufw", "NetworkManager", "kubelet", "nm-cloud-setup.timer"};
  EXPECT_EQ(codes(check(facts)), (Codes{"no-default-route", "name-servers?", "leftovers", "kubelet",
                                        "firewall", "firewall?", "nm-cloud-setup", "network-manager?"}));
  facts.active = {"NetworkManager", "nm-knows-pods"};
  facts.leftovers.clear();
  facts.default_route = true;
  facts.name_servers = {"10.10.10.1"};
  EXPECT_EQ(codes(check(facts)), Codes{});
}

TEST(Preflight, EveryProblemSaysWhyAndWhatToDo) {
  auto facts = parse_host_report(
      "cores\t1\nmemory\t1\nswap\t1\nfree\t1 /var\nnoexec\tyes\nmissing-module\toverlay\n"
      "listening\t*:6443 \nactive\tfirewalld\nleftover\t/x\nend\trke2\n");
  for (const auto& problem : check(facts)) {
    EXPECT_FALSE(problem.what.empty() || problem.evidence.empty() || problem.fix.empty()) << problem.code;
    EXPECT_EQ(problem.machine, "lab-m-1");
  }
}

TEST(Preflight, HostNamesMustDiffer) {
  std::vector<HostFacts> all{good(), good(), good()};
  all[1].machine = "lab-m-2";
  all[1].hostname = "LAB-M-1";
  all[2].machine = "lab-m-3";
  all[2].hostname = "lab-m-3";
  const auto problems = check_hosts_together(all);
  ASSERT_EQ(codes(problems), Codes{"same-hostname?"});
  EXPECT_EQ(problems[0].evidence, "lab-m-1, lab-m-2");
}

TEST(Preflight, ClocksApart) {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  std::vector<HostFacts> all{good(), good()};
  all[1].machine = all[1].hostname = "lab-m-2";
  const auto at = [&](milliseconds first, milliseconds second, milliseconds error) {
    all[0].clock_offset = first;
    all[1].clock_offset = second;
    all[0].clock_error = all[1].clock_error = error;
    return check_hosts_together(all);
  };
  EXPECT_TRUE(at(seconds(3600), seconds(3601), seconds(1)).empty()) << "only our own clock is wrong";
  EXPECT_TRUE(at(seconds(0), seconds(20), seconds(10)).empty()) << "it cannot be told";
  EXPECT_EQ(codes(at(seconds(0), seconds(10), seconds(1))), Codes{"clocks-apart?"});
  const auto problems = at(seconds(90), seconds(0), seconds(1));
  ASSERT_EQ(codes(problems), Codes{"clocks-apart"});
  EXPECT_EQ(problems[0].what, "clocks are 90.0 s apart");
  EXPECT_EQ(problems[0].evidence, "'lab-m-2' is behind 'lab-m-1'");
}

TEST(Preflight, IsToldFatalFirst) {
  EXPECT_EQ(render({{"a", "x", "swap is on", "1 MiB", "swapoff", false},
                    {"", "y", "clocks apart", "why", "do", true}}),
            "clocks apart (why)\n  fix: do\nwarning: a: swap is on (1 MiB)\n  fix: swapoff\n");
  EXPECT_FALSE(has_fatal({{"a", "x", "", "", "", false}}));
}

TEST(Preflight, TheScriptReportsOnARealSystem) {
  sys::TempFolder folder;
  test::PathGuest guest(folder.path());
  guest.stub("ss", "printf 'LISTEN 0 128 127.0.0.1:2379 0.0.0.0:* users:((\"etcd\",pid=8,fd=7))\\n'");
  test::FakeClock clock;
  const auto facts = look_at_host(guest, clock, "rke2");
  EXPECT_EQ(facts.machine, "lab-m-1");
  EXPECT_FALSE(facts.hostname.empty());
  EXPECT_FALSE(facts.architecture.empty());
  EXPECT_GT(facts.cores, 0);
  EXPECT_GT(facts.memory.count, 0);
  EXPECT_GT(facts.free.count, 0);
  EXPECT_FALSE(facts.mounted_on.empty());
  ASSERT_EQ(facts.listening.size(), 1U);
  EXPECT_EQ(facts.listening[0].port, 2379);
  EXPECT_EQ(facts.listening[0].process, "etcd");
  EXPECT_GT(facts.clock_offset.count(), 0) << "the test's clock stands in the past";
}

}  // namespace
}  // namespace hlid::cluster
