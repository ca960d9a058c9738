// Plans as people and programs see them: one golden for each situation.
#include <gtest/gtest.h>

#include <functional>

#include "support/golden.h"
#include "support/plan_world.h"

namespace hlid::plan {
namespace {

using test::built;
using test::guest;

struct Situation {
  std::string name;
  std::function<void(model::Homelab&, model::Observed&, Options&)> change;  ///< of the lab just built
  bool from_nothing = false;
};

model::Machine& machine(model::Homelab& lab, const std::string& name) {
  for (auto& one : lab.machines)
    if (one.name == name) return one;
  throw std::logic_error("no machine");
}

void rename_group(model::Homelab& lab) {
  for (auto& one : lab.machines)
    if (one.group == "worker") one.name = "valaskjalf-node-" + std::to_string(one.number), one.group = "node";
}

const Situation kSituations[] = {
    {"new-lab", [](auto&, auto&, auto&) {}, true},
    {"nothing-to-do", [](auto&, auto&, auto&) {}},
    {"real-host", [](auto&, auto& there, auto&) { there = test::real_host(); }, true},
    {"real-host-unprepared",
     [](auto& lab, auto& there, auto&) {
       there = test::real_host();
       there.nodes[0].storages[0].content = {"iso"};
       there.nodes[0].storages.pop_back();
       there.nodes[0].bridges[0].name = "vmbr1";
       lab.proxmox.nodes = {"asgard", "midgard"};
     },
     true},
    {"node-offline", [](auto&, auto& there, auto&) { there.nodes[0].online = false; }},
    {"storage-inactive", [](auto&, auto& there, auto&) { there.nodes[0].storages[0].active = false; }},
    {"cores-and-memory",
     [](auto& lab, auto&, auto&) {
       machine(lab, "valaskjalf-worker-1").cores = 6;
       machine(lab, "valaskjalf-worker-2").memory = gib(16);
     }},
    {"cores-of-a-stopped-machine",
     [](auto& lab, auto& there, auto&) {
       machine(lab, "valaskjalf-worker-1").cores = 6;
       guest(there, 1011).power = model::Power::stopped;
     }},
    {"disk-grows", [](auto& lab, auto&, auto&) { machine(lab, "valaskjalf-master-2").disk = gib(80); }},
    {"disk-shrinks", [](auto& lab, auto&, auto&) { machine(lab, "valaskjalf-master-2").disk = gib(20); }},
    {"disk-shrinks-with-consent",
     [](auto& lab, auto&, auto& options) {
       machine(lab, "valaskjalf-master-2").disk = gib(20);
       options.allow = {"replace=valaskjalf-master-2"};
     }},
    {"live-changes",
     [](auto& lab, auto&, auto&) {
       machine(lab, "valaskjalf-master-1").tags = {"rke2", "prod"};
       machine(lab, "valaskjalf-master-1").start_at_boot = false;
       lab.network.dns = {*parse_ipv4("9.9.9.9"), *parse_ipv4("1.1.1.1")};
       lab.access.authorized_keys.push_back("ssh-ed25519 BBBB thor@asgard");
     }},
    {"bridge", [](auto& lab, auto&, auto&) { lab.proxmox.bridge = "vmbr7"; }},
    {"gateway", [](auto& lab, auto&, auto&) { lab.network.gateway = *parse_ipv4("10.10.10.254"); }},
    {"stopped-and-paused",
     [](auto&, auto& there, auto&) {
       guest(there, 1001).power = model::Power::stopped;
       guest(there, 1012).power = model::Power::paused;
     }},
    {"pending", [](auto&, auto& there, auto&) { guest(there, 1002).pending = {"memory"}; }},
    {"extra-machines", [](auto& lab, auto&, auto&) { lab.machines.pop_back(); }},
    {"extra-machines-with-consent",
     [](auto& lab, auto&, auto& options) {
       lab.machines.pop_back();
       options.allow = {"destroy=valaskjalf-worker-3"};
     }},
    {"group-renamed", [](auto& lab, auto&, auto&) { rename_group(lab); }},
    {"group-renamed-with-consent",
     [](auto& lab, auto&, auto& options) {
       rename_group(lab);
       options.allow = {"destroy=valaskjalf-worker-1", "destroy=valaskjalf-worker-2",
                        "destroy=valaskjalf-worker-3"};
     }},
    {"vmid-changed", [](auto& lab, auto&, auto&) { machine(lab, "valaskjalf-master-3").vmid = Vmid{2003}; }},
    {"vmid-changed-with-consent",
     [](auto& lab, auto&, auto& options) {
       machine(lab, "valaskjalf-master-3").vmid = Vmid{2003};
       options.allow = {"replace=valaskjalf-master-3"};
     }},
    {"same-address-new-name",
     [](auto& lab, auto&, auto&) {
       auto& moved = machine(lab, "valaskjalf-master-3");
       moved.name = "valaskjalf-master-4";
       moved.vmid = Vmid{1004};
     }},
    {"foreign-vmid",
     [](auto&, auto& there, auto&) {
       there.machines = {test::foreign(1002, "nas"), test::foreign(90001, "windows")};
     },
     true},
    {"foreign-name",
     [](auto&, auto& there, auto&) {
       there.machines = {test::foreign(500, "valaskjalf-master-1"), test::foreign(501, "pkr-ubuntu-noble-1")};
     },
     true},
    {"tags-removed-by-hand", [](auto&, auto& there, auto&) { guest(there, 1003).tags = {"rke2"}; }},
    {"other-uuid",
     [](auto&, auto& there, auto&) { guest(there, 1003).uuid = "11111111-2222-4333-8444-555555555555"; }},
    {"locked",
     [](auto& lab, auto& there, auto&) {
       guest(there, 1001).lock = "backup";
       guest(there, 1002).lock = "backup";
       machine(lab, "valaskjalf-master-2").cores = 4;
     }},
    {"half-made-locked",
     [](auto&, auto& there, auto&) {
       auto& half = guest(there, 1002);
       half.uuid = "00000000-0000-4000-8000-000000000000";
       half.power = model::Power::stopped;
       half.lock = "clone";
     }},
    {"half-made-locked-on-real-proxmox",
     [](auto&, auto& there, auto&) {
       there.embedded = false;
       auto& half = guest(there, 1002);
       half.uuid = "00000000-0000-4000-8000-000000000000";
       half.power = model::Power::stopped;
       half.lock = "clone";
     }},
    {"half-made-cloned",
     [](auto&, auto& there, auto&) {
       auto& half = guest(there, 1002);
       half.uuid = "00000000-0000-4000-8000-000000000000";
       half.power = model::Power::stopped;
       half.disk = gib(4);
     }},
    {"half-made-nameless",
     [](auto&, auto& there, auto& options) {
       auto& half = guest(there, 1002);
       half = {};
       half.vmid = Vmid{1002};
       half.name = "VM 1002";
       half.node = "asgard";
       half.lock = "clone";
       half.power = model::Power::stopped;
       options.unfinished = {"clone valaskjalf-master-2"};
     }},
    {"nameless-of-somebody",
     [](auto&, auto& there, auto&) {
       auto& half = guest(there, 1002);
       half = {};
       half.vmid = Vmid{1002};
       half.name = "VM 1002";
       half.lock = "clone";
       half.power = model::Power::stopped;
     }},
    {"not-seen-ready",
     [](auto&, auto&, auto& options) { options.unfinished = {"wait-ready valaskjalf-worker-2"}; }},
    {"template-half-made", [](auto&, auto& there, auto&) { guest(there, 90001).is_template = false; }},
    {"template-outdated", [](auto&, auto&, auto& options) { options.template_key = "777777"; }},
    {"template-outdated-with-consent",
     [](auto&, auto&, auto& options) {
       options.template_key = "777777",
       options.allow = {"replace=pkr-ubuntu-noble-1", "replace=valaskjalf-worker-1"};
     }},
    {"template-renamed", [](auto& lab, auto&, auto&) { lab.image.name = "pkr-ubuntu-noble-2"; }},
    {"template-gone", [](auto&, auto& there, auto&) { there.machines.erase(there.machines.end() - 1); }},
    {"moved-by-hand",
     [](auto&, auto& there, auto&) {
       guest(there, 1001).node = "midgard";
       guest(there, 1002).storage = "fast";
     }},
    {"linked-clones",
     [](auto& lab, auto&, auto&) {
       for (auto& one : lab.machines) one.linked_clone = true;
     },
     true},
    {"only-template", [](auto&, auto&, auto& options) { options.only = Phase::image; }, true},
    {"only-machines", [](auto&, auto&, auto& options) { options.only = Phase::machines; }, true},
    {"backup-later", [](auto& lab, auto&, auto&) { lab.backup.emplace(); }},
};

class Rendered : public testing::TestWithParam<Situation> {};

Plan plan_of(const Situation& situation) {
  auto lab = test::reference_lab();
  auto there = situation.from_nothing ? test::empty_node() : built(lab);
  auto options = test::with_key();
  situation.change(lab, there, options);
  return make_plan(lab, there, options);
}

TEST_P(Rendered, AsTheGoldenSays) {
  test::expect_golden("plan/" + GetParam().name + ".txt", render(plan_of(GetParam())));
}

std::string test_name(const testing::TestParamInfo<Situation>& situation) {
  std::string name = situation.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Situations, Rendered, testing::ValuesIn(kSituations), test_name);

TEST(Rendered, AsJson) {
  auto lab = test::reference_lab();
  lab.machines.resize(1);
  auto there = test::empty_node();
  there.machines = {test::foreign(100, "valaskjalf-other")};
  test::expect_golden("plan/new-lab.json", to_pretty_text(to_json(make_plan(lab, there, test::with_key()))));
}

TEST(Rendered, ALongRowOfMachinesIsShortened) {
  auto lab = test::reference_lab();
  test::add_group(lab, "many", model::Role::plain, 40, 3001, 150, 1, gib(1), gib(10));
  test::expect_golden("plan/many-machines.txt", render(make_plan(lab, test::empty_node(), test::with_key())));
}

TEST(Rendered, ColourIsOnlyAddedOnRequest) {
  const auto plan = plan_of(kSituations[0]);
  EXPECT_EQ(render(plan).find('\x1b'), std::string::npos);
  EXPECT_NE(render(plan, {true}).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace hlid::plan
