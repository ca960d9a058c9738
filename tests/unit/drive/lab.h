#pragma once
#include <filesystem>

#include "drive/image_source.h"
#include "drive/step_runner.h"
#include "support/fake_clock.h"
#include "support/fake_pve.h"
#include "support/scripted_process.h"
#include "sys/files.h"

/// The homelab and the workbench that the tests of drive share.
namespace hlid::drive {

inline model::Homelab small_lab() {
  model::Homelab lab;
  lab.name = "lab";
  lab.network = {*parse_cidr("10.10.10.0/24"), *parse_ipv4("10.10.10.1"), {*parse_ipv4("10.10.10.1")}, ""};
  lab.image.name = "base";
  lab.image.vmid = {9000};
  lab.access.user = "odin";
  lab.access.ssh_port = 2222;
  lab.access.authorized_keys = {"ssh-ed25519 AAAA me@host"};
  for (int n = 1; n <= 2; ++n) {
    model::Machine machine;
    machine.name = "lab-web-" + std::to_string(n);
    machine.group = "web";
    machine.number = n;
    machine.vmid = {1000 + n};
    machine.node = "asgard";
    machine.address = *parse_cidr("10.10.10.10" + std::to_string(n) + "/24");
    machine.cores = 2;
    machine.memory = gib(1);
    machine.disk = gib(8);
    machine.tags = {"rke2"};
    lab.machines.push_back(machine);
  }
  return lab;
}

class FakeImage : public ImageSource {
 public:
  std::string key() const override { return std::string(64, 'a'); }
  std::filesystem::path image(const std::function<void(const std::string&)>&, std::stop_token) override {
    ++calls;
    return "/nowhere/image.qcow2";
  }
  int calls = 0;
};

class SilentContext : public apply::StepContext {
 public:
  void phase(const std::string& text) override { phases.push_back(text); }
  void task(const std::string& upid) override { tasks.push_back(upid); }
  std::vector<std::string> phases, tasks;
};

/// Runs single steps on the fake hypervisor.
struct Bench {
  model::Homelab lab = small_lab();
  test::FakePve pve;
  test::FakeClock clock;
  test::ScriptedProcess processes;
  sys::TempFolder folder;
  FakeImage image;
  Secrets secrets{processes, [](const std::string&) { return std::optional<std::string>("secret"); }};
  HostKeys host_keys{folder.path() / "known_hosts"};
  SilentContext context;
  pve::Session session{pve, {"https://asgard:8006", {}}, clock};

  void run(plan::StepKind kind, const std::string& subject, int vmid,
           std::map<std::string, std::string> details = {},
           model::Disruption disruption = model::Disruption::none) {
    plan::Step step;
    step.kind = kind;
    step.id = std::string(plan::to_string(kind)) + " " + subject;
    step.subject = subject;
    step.vmid = {vmid};
    step.node = "asgard";
    step.details = std::move(details);
    step.disruption = disruption;
    PveStepRunner runner(
        Workbench{lab, session, image, secrets, host_keys, false, folder.path() / "storage", {}});
    runner.run(step, context, {});
  }

  std::map<std::string, std::string> every_detail() const {
    std::map<std::string, std::string> details;
    for (const char* key :
         {"uuid", "tags", "cores", "cpu", "memory", "onboot", "agent", "mac", "bridge", "cloud_init_drive",
          "user", "authorized_keys", "address", "gateway", "dns", "search_domain"})
      details[key] = "set";
    return details;
  }
  void make_template() { run(plan::StepKind::create_template, "base", 9000); }
  void make_machine(int n) {
    const auto& machine = lab.machines.at(static_cast<std::size_t>(n - 1));
    run(plan::StepKind::clone, machine.name, machine.vmid.value);
    run(plan::StepKind::configure, machine.name, machine.vmid.value, every_detail());
    run(plan::StepKind::resize_disk, machine.name, machine.vmid.value);
  }
};

template <typename F>
std::optional<Errc> code_of(F work) {
  try {
    work();
  } catch (const Error& error) {
    return error.code();
  }
  return std::nullopt;
}

}  // namespace hlid::drive
