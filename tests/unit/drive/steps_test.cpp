#include <gtest/gtest.h>

#include "drive/machine_config.h"
#include "drive/observer.h"
#include "unit/drive/lab.h"

namespace hlid::drive {
namespace {

using plan::StepKind;

class StepsTest : public ::testing::Test, protected Bench {
 protected:
  model::ObservedMachine observed(int vmid) {
    const auto there = PveObserver(lab, session).observe({});
    for (const auto& machine : there.machines)
      if (machine.vmid.value == vmid) return machine;
    ADD_FAILURE() << "no guest " << vmid;
    return {};
  }
};

TEST_F(StepsTest, TemplateIsUploadedImportedAndTheUploadRemoved) {
  make_template();
  EXPECT_TRUE(pve.volumes.empty());
  const auto found = observed(9000);
  EXPECT_TRUE(found.is_template);
  EXPECT_EQ(found.template_key, image.key());
  EXPECT_TRUE(model::is_owned(found, lab.name));
  EXPECT_EQ(found.disk_key, "virtio0");
}

TEST_F(StepsTest, TemplateThatIsThereIsLeftAlone) {
  make_template();
  const auto before = pve.calls.size();
  make_template();
  EXPECT_EQ(pve.calls.size(), before);
}

TEST_F(StepsTest, TemplateThatWasNotConvertedYetIsFinished) {
  make_template();
  pve.guests[9000].config.erase("template");
  make_template();
  EXPECT_EQ(pve.calls.back(), "POST /nodes/asgard/qemu/9000/template");
  EXPECT_EQ(image.calls, 1);
}

TEST_F(StepsTest, TemplateNeverReplacesAStranger) {
  pve.guests[9000].config = {{"name", "base"}, {"virtio0", "local:x,size=4G"}};
  EXPECT_EQ(code_of([&] { make_template(); }), Errc::conflict);
  EXPECT_TRUE(pve.calls.empty());
}

TEST_F(StepsTest, MachineIsWhatTheFileSays) {
  make_template();
  make_machine(1);
  const auto found = observed(1001);
  const auto& wanted = lab.machines[0];
  EXPECT_TRUE(model::is_owned(found, lab.name));
  EXPECT_EQ(found.name, wanted.name);
  EXPECT_EQ(found.cores, wanted.cores);
  EXPECT_EQ(found.memory, wanted.memory);
  EXPECT_EQ(found.disk, wanted.disk);
  EXPECT_EQ(found.mac, model::machine_mac(lab.name, wanted.name));
  EXPECT_EQ(found.bridge, "vmbr0");
  EXPECT_EQ(found.address, wanted.address);
  EXPECT_EQ(found.gateway, lab.network.gateway);
  EXPECT_EQ(found.dns, lab.network.dns);
  EXPECT_EQ(found.search_domain, "lab");
  EXPECT_EQ(found.user, "odin");
  EXPECT_EQ(found.authorized_keys, lab.access.authorized_keys);
  EXPECT_EQ(found.cpu, "host");
  EXPECT_EQ(found.agent, true);
  EXPECT_TRUE(found.start_at_boot);
  EXPECT_TRUE(found.has_cloud_init_drive);
  EXPECT_FALSE(found.has_password);
  EXPECT_EQ(found.template_key, image.key());
  EXPECT_EQ(found.mark, "lab/lab-web-1");
  EXPECT_EQ(found.tags, (std::vector<std::string>{"hlid", "lab", "rke2"}));
}

TEST_F(StepsTest, EachStepMayRunTwice) {
  make_template();
  make_machine(1);
  run(StepKind::start, "lab-web-1", 1001);
  const auto guests = pve.guests.size();
  const auto config = pve.guests[1001].config;
  make_machine(1);
  run(StepKind::start, "lab-web-1", 1001);
  EXPECT_EQ(pve.guests.size(), guests);
  EXPECT_EQ(pve.guests[1001].config, config);
  EXPECT_EQ(std::count(pve.calls.begin(), pve.calls.end(), "POST /nodes/asgard/qemu/1001/status/start"), 1);
  EXPECT_EQ(std::count(pve.calls.begin(), pve.calls.end(), "PUT /nodes/asgard/qemu/1001/resize"), 1);
}

TEST_F(StepsTest, CloneIsKnownByItsMarkAlone) {
  make_template();
  run(StepKind::clone, "lab-web-1", 1001);
  EXPECT_FALSE(model::is_owned(observed(1001), lab.name));  // tags and UUID come with the first configure
  run(StepKind::configure, "lab-web-1", 1001, every_detail());
  EXPECT_TRUE(model::is_owned(observed(1001), lab.name));
}

TEST_F(StepsTest, TheTasksAreTold) {
  make_template();
  run(StepKind::clone, "lab-web-1", 1001);
  ASSERT_FALSE(context.tasks.empty());
  EXPECT_NE(context.tasks.back().find(":qmclone:9000:"), std::string::npos);
}

TEST_F(StepsTest, AStrangerIsNeverTouched) {
  make_template();
  pve.guests[1001].config = {
      {"name", "lab-web-1"}, {"tags", "hlid;lab"}, {"smbios1", "uuid=0"}, {"virtio0", "x:y,size=1G"}};
  pve.guests[1001].running = true;
  const auto before = pve.guests[1001].config;
  const auto calls = pve.calls.size();
  for (const auto kind : {StepKind::clone, StepKind::configure, StepKind::resize_disk, StepKind::start,
                          StepKind::stop, StepKind::shutdown, StepKind::reboot, StepKind::destroy})
    EXPECT_EQ(code_of([&] {
                run(kind, "lab-web-1", 1001, {{"cores", "4"}});
              }),
              Errc::conflict)
        << plan::to_string(kind);
  EXPECT_EQ(pve.guests[1001].config, before);
  EXPECT_EQ(pve.calls.size(), calls);
}

TEST_F(StepsTest, DestroyStopsFirstAndForgetsTheHostKeys) {
  make_template();
  pve.guests[9000].files["/etc/ssh/ssh_host_ed25519_key.pub"] = "ssh-ed25519 AAAA root@base\n";
  make_machine(1);
  run(StepKind::start, "lab-web-1", 1001);
  run(StepKind::wait_ready, "lab-web-1", 1001);
  EXPECT_TRUE(host_keys.knows("lab-web-1"));
  EXPECT_EQ(sys::read_file(host_keys.file()), "lab-web-1,[10.10.10.101]:2222 ssh-ed25519 AAAA\n");
  run(StepKind::destroy, "lab-web-1", 1001);
  EXPECT_FALSE(pve.guests.contains(1001));
  EXPECT_FALSE(host_keys.knows("lab-web-1"));
  EXPECT_NO_THROW(run(StepKind::destroy, "lab-web-1", 1001));
}

TEST_F(StepsTest, AHalfMadeCloneIsDestroyedOnlyWithProof) {
  pve.guests[1001].config = {{"lock", "clone"}};
  EXPECT_EQ(code_of([&] { run(StepKind::destroy, "lab-web-1", 1001); }), Errc::conflict);
  run(StepKind::destroy, "lab-web-1", 1001, {{"half_made", "1"}});
  EXPECT_FALSE(pve.guests.contains(1001));
}

TEST_F(StepsTest, PasswordIsResolvedWhereItIsUsed) {
  lab.access.console_password = {"env:CI_ODIN_PASSWORD"};
  make_template();
  run(StepKind::clone, "lab-web-1", 1001);
  run(StepKind::configure, "lab-web-1", 1001, {{"uuid", "x"}, {"password", "set"}});
  EXPECT_EQ(pve.guests[1001].config["cipassword"], "secret");
}

TEST_F(StepsTest, StorageAndNetworkOfANewNode) {
  run(StepKind::create_storage, "local-zfs", 0);
  run(StepKind::create_storage, "local-zfs", 0);
  EXPECT_TRUE(pve.storages.contains("local-zfs"));
  run(StepKind::set_network, "vmbr0", 0);
  EXPECT_EQ(pve.bridges["vmbr0"], "10.10.10.1/24");
  const auto before = pve.calls.size();
  run(StepKind::set_network, "vmbr0", 0);
  EXPECT_EQ(pve.calls.size(), before);
}

TEST_F(StepsTest, ARebootIsAStopAndAStart) {
  make_template();
  make_machine(1);
  pve.guests[1001].running = true;
  run(StepKind::reboot, "lab-web-1", 1001);
  EXPECT_TRUE(pve.guests[1001].running);
  const auto n = pve.calls.size();
  EXPECT_EQ(pve.calls[n - 2], "POST /nodes/asgard/qemu/1001/status/shutdown");
  EXPECT_EQ(pve.calls[n - 1], "POST /nodes/asgard/qemu/1001/status/start");
}

TEST_F(StepsTest, WhatIsToBeDestroyedIsNotWaitedForLong) {
  make_template();
  make_machine(1);
  std::vector<std::string> asked;
  pve.before = [&](const net::HttpRequest& request) -> std::optional<net::HttpResponse> {
    if (request.url.ends_with("/status/shutdown")) asked.push_back(request.body);
    return std::nullopt;
  };
  for (const auto disruption : {model::Disruption::reboot, model::Disruption::destroy}) {
    pve.guests[1001].running = true;
    run(StepKind::shutdown, "lab-web-1", 1001, {}, disruption);
  }
  EXPECT_EQ(asked, (std::vector<std::string>{"timeout=90&forceStop=1", "timeout=20&forceStop=1"}));
}

TEST_F(StepsTest, ObservingAsksFewQuestions) {
  make_template();
  make_machine(1);
  pve.guests[5000].config = {{"name", "somebody"}};
  int questions = 0;
  pve.before = [&](const net::HttpRequest&) -> std::optional<net::HttpResponse> {
    ++questions;
    return std::nullopt;
  };
  const auto there = PveObserver(lab, session).observe({});
  EXPECT_TRUE(there.embedded);
  ASSERT_EQ(there.machines.size(), 3U);
  EXPECT_EQ(questions, 3 + 3 + 2);  // version nodes resources; storage network publish; two configurations
}

}  // namespace
}  // namespace hlid::drive
