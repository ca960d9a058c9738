// Whatever is asked for, in whatever order, killed wherever: the voters are never fewer than the quorum
// needs.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "change_scripts.h"
#include "cluster/leave.h"
#include "cluster/probe.h"
#include "cluster/reconfigure.h"
#include "cluster/release.h"
#include "cluster/replace.h"
#include "cluster/rotate.h"
#include "cluster/upgrade.h"

namespace hlid::cluster {
namespace {

using namespace hlid::test;

class AnyChange : public ChangingWorld {
 public:
  explicit AnyChange(const std::string& distribution)
      : ChangingWorld(3, 2, distribution), all(lab.machines), version(sim.machines[0].installed) {
    scripts["certificates-rotate"] = scripts::nothing;
    scripts["certificates"] = scripts::nothing;
  }

  void drop(const std::string& name) {
    const auto servers = site().servers();
    if (servers.size() == 1 && servers.front()->name == name) return;  // no file is without a server
    std::erase_if(lab.machines, [&](const auto& machine) { return machine.name == name; });
    cluster::leave(site(), name);
  }
  /// As `up` adds a machine of the file: the release first.
  void add(const std::string& name) {
    const auto wanted =
        std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == name; });
    const auto is_in = [&](const auto& one) { return one.name == name; };
    if (std::none_of(lab.machines.begin(), lab.machines.end(), is_in)) lab.machines.push_back(*wanted);
    auto& m = machine(name);
    if (!m.running) sim.power_on(m);
    if (m.installed.empty()) m.installed = version;
    pass(std::chrono::seconds(30));
    join(site(), name, kMaterials);
  }
  void to_next_version() {
    ReleaseSet release;
    release.traits = &sim.traits();
    release.version =
        *Version::parse("v1.34.2+" + std::string(sim.distribution == "k3s" ? "k3s1" : "rke2r1"));
    release.kube_vip_image = "kube-vip:v1";
    version = release.version.text();
    upgrade(site(), release, bundles.path());
  }
  /// An interrupted change of the token is gone on with by its own command.
  void end_rotation() {
    for (const auto& m : sim.machines)
      if (m.files.count(sim.under("server/hlid-next-token.json")) > 0) return rotate_token(site());
  }
  void change_configuration() {
    lab.cluster->tls_san.push_back(fmt::format("name-{}.example", ++names_));
    std::vector<std::string> names;
    for (const auto& one : lab.machines) names.push_back(one.name);
    for (const auto& batch : rolling_order(lab, observe(site()), names))
      for (const auto& name : batch) reconfigure_member(site(), name);
  }
  void lose_and_forget(const std::string& name) { forget(site(), name); }

  std::vector<model::Machine> all;
  std::string version;
  sys::TempFolder bundles;

 private:
  int names_ = 0;
};

void do_one(AnyChange& world, int which, const std::string& name) {
  switch (which) {
    case 0:
      return world.drop(name);
    case 1:
      return world.add(name);
    case 2:
      return world.to_next_version();
    case 3:
      return world.change_configuration();
    case 4:
      return rotate_token(world.site());
    case 5:
      return rotate_certificates(world.site());
    case 6:
      return world.lose_and_forget(name);
    default:
      return;
  }
}

/// One verb of rapidcheck's choice, killed where it chooses; what came of it, for the log.
std::string one_of_them(AnyChange& world) {
  const int which = *rc::gen::inRange(0, 7);
  const auto name = *rc::gen::element<std::string>("m-1", "m-2", "m-3", "w-1", "w-2");
  const int killed_at = *rc::gen::inRange(0, 80);
  const bool before = *rc::gen::arbitrary<bool>();
  if (killed_at > 0) (before ? world.kill_before : world.kill_after) = killed_at;
  std::string end = "done";
  try {
    do_one(world, which, name);
  } catch (const Killed&) {
    end = "killed";
  } catch (const Error& error) {
    end = error.what();
  }
  world.kill_before.reset();
  world.kill_after.reset();
  world.pass(std::chrono::seconds(*rc::gen::inRange(0, 60)));
  return fmt::format("verb {} on {}, to be killed {} call {}: {}\n", which, name, before ? "before" : "after",
                     killed_at, end);
}

RC_GTEST_PROP(ChangeLaw, NoSequenceOfVerbsDropsTheVotersBelowTheQuorum, ()) {
  AnyChange world(*rc::gen::element<std::string>("rke2", "k3s"));
  std::string story;
  const int length = *rc::gen::inRange(1, 9);
  for (int i = 0; i < length; ++i) {
    story += one_of_them(world);
    if (world.lowest_margin < 0 || world.sim.clusters.size() != 1) RC_FAIL(story);
  }
  // And whatever it left behind, the file as it first was brings it back.
  try {
    world.end_rotation();
    for (const auto& machine : world.all) world.add(machine.name);
    world.to_next_version();
    world.change_configuration();
  } catch (const Error& error) {
    RC_FAIL(story + error.what());
  }
  const auto observed = observe(world.site());
  if (!ill_servers(observed).empty() || observed.voters() != 3 || observed.nodes.size() != 5 ||
      world.lowest_margin < 0)
    RC_FAIL(story + hlid::join(ill_servers(observed), "; "));
}

}  // namespace
}  // namespace hlid::cluster
