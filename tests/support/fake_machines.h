// QEMU processes that are none: for each command line of `/qemu` a FakeQemu, and a process that carries the
// command line's pid file, as the node looks for it. All other programs run.
#pragma once

#include <csignal>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

#include "support/warm_world.h"
#include "sys/files.h"
#include "sys/process.h"

namespace hlid::test {

class FakeMachines : public sys::ProcessRunner {
 public:
  FakeMachines() = default;
  FakeMachines(const FakeMachines&) = delete;
  FakeMachines& operator=(const FakeMachines&) = delete;
  sys::ProcessResult run(const sys::Command& command, std::stop_token stop) override {
    if (command.argv.at(0) != "/qemu") return real_.run(command, std::move(stop));
    const auto word = std::find(command.argv.begin(), command.argv.end(), "-pidfile");
    const std::string file = *std::next(word);
    // A shell that waits for ever by itself and has the words that name the file.
    const auto started =
        real_.run({.argv = {"/bin/sh", "-c",
                            R"(mkfifo "$2.wait"; (exec >&- 2>&-; read -r _ <> "$2.wait") & echo $! > "$2")",
                            "sh", "-pidfile", file}});
    if (!started.ok()) return started;
    auto qemu = std::make_unique<FakeQemu>(command, "4\n");
    qemu->become_status = become_status;
    qemu->serve_status = serve_status;
    const std::lock_guard guard(mutex_);
    qemus_.push_back(std::move(qemu));
    const auto pid = std::atoi(sys::read_file(file).c_str());
    processes_.push_back({pid, sys::start_time_of(pid).value_or(0)});
    return started;
  }
  ~FakeMachines() override {
    for (const auto& process : processes_) sys::send_signal(process, SIGKILL);
  }
  /// What was asked of the n-th QEMU.
  std::vector<std::string> log(std::size_t n) const {
    const std::lock_guard guard(mutex_);
    return qemus_.at(n)->log();
  }
  std::size_t count() const {
    const std::lock_guard guard(mutex_);
    return qemus_.size();
  }
  int become_status = 0, serve_status = 0;

 private:
  sys::PosixProcessRunner real_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<FakeQemu>> qemus_;
  std::vector<sys::ProcessId> processes_;
};

}  // namespace hlid::test
