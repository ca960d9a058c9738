// A node's machines in a folder of the test's own: real files, storage and tasks, a network that makes
// nothing.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "node/config/config_store.h"
#include "node/qemu/host_facts.h"
#include "node/storage/storages.h"
#include "node/task/tasks.h"
#include "node/vm/machines.h"
#include "support/fake_network.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/files.h"
#include "sys/process.h"
#include "wire/api_error.h"

namespace hlid::test {

/// Header only: it is used by the programs that link node/vm.
class VmWorld {
 public:
  VmWorld() { open(); }

  /// As after a restart of the daemon: everything is read again. What runs, runs on.
  void restart() {
    close();
    open();
  }
  void close() {
    machines.reset();
    tasks.reset();
    configs.reset();
    storages.reset();
  }
  void open() {
    const auto etc = folder.path() / "etc";
    sys::make_folder(etc);
    if (!std::filesystem::exists(etc / "storage.cfg")) {
      sys::write_durable(etc / "storage.cfg", "dir: local\n\tpath " + (folder.path() / "local").string() +
                                                  "\n\tcontent iso,import,images,vztmpl,snippets,backup\n\n");
    }
    storages =
        std::make_unique<node::storage::Storages>(etc / "storage.cfg", folder.path() / "local", processes);
    configs = std::make_unique<node::config::ConfigStore>(
        node::config::ConfigStore::Options{etc / "qemu-server", "asgard", lock_wait});
    tasks = std::make_unique<node::task::Tasks>(node::task::TasksOptions{folder.path() / "tasks", "asgard"},
                                                clock);
    machines = std::make_unique<node::vm::Machines>(node::vm::Parts{"asgard", folder.path() / "run", *configs,
                                                                    *storages, network, *tasks, *qemu_runner,
                                                                    clock, random, facts});
  }

  /// Waits for the task: its exit status ("OK" or the error).
  std::string end_of(const wire::Upid& upid) const {
    tasks->wait(upid);
    return tasks->status(upid).status;
  }
  std::string log_of(const wire::Upid& upid) const {
    std::string out;
    for (const auto& line : tasks->log(upid, 0, 0).lines) out += line.text + "\n";
    return out;
  }
  std::string config_text(Vmid vmid) const {
    return sys::read_file(folder.path() / "etc/qemu-server" / (to_string(vmid) + ".conf"));
  }
  std::string value(Vmid vmid, std::string_view key) const {
    return machines->config_value(vmid, key).value_or("(none)");
  }
  std::size_t volumes() const { return storages->find("local")->list("images").size(); }

  sys::TempFolder folder{"vm"};
  std::chrono::milliseconds lock_wait{200};
  sys::PosixProcessRunner processes;
  sys::ProcessRunner* qemu_runner = &processes;  ///< what machines are started with, from the next open() on
  sys::SystemClock clock;
  sys::SystemRandom random;
  node::qemu::HostFacts facts;
  FakeNetwork network;
  std::unique_ptr<node::storage::Storages> storages;
  std::unique_ptr<node::config::ConfigStore> configs;
  std::unique_ptr<node::task::Tasks> tasks;
  std::unique_ptr<node::vm::Machines> machines;
};

/// The ApiError that `work` throws: "500 text", with "key: text" for parameters; "" when it throws none.
template <typename Work>
std::string api_error_of(Work work) {
  try {
    work();
    return "";
  } catch (const wire::ApiError& error) {
    std::string out = std::to_string(error.status()) + " " + error.reason();
    for (const auto& [key, text] : error.errors()) out += "; " + key + ": " + text;
    return out;
  }
}

}  // namespace hlid::test
