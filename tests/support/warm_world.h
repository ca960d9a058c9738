// A QEMU that never runs: the monitor and the agent that a warm copy's preparation talks to, scripted.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/text.h"
#include "support/fake_qmp.h"
#include "support/scripted_process.h"
#include "sys/process.h"
#include "sys/unique_fd.h"
#include "sys/unix_socket.h"

namespace hlid::test {

/// Started by a command line, as QEMU is: listens where that says. With `-incoming` it takes a state, which
/// has to be that of a copy, and begins to run; its agent answers whatever `version` says.
class FakeQemu {
 public:
  explicit FakeQemu(const sys::Command& command, std::string guest_version)
      : version_(std::move(guest_version)),
        qmp_([this](FakePeer& peer, const json::object& request) { return on_qmp(peer, request); }),
        agent_([this](FakePeer& peer, const json::object& request) { on_agent(peer, request); }) {
    for (const auto& word : command.argv) {
      link(word, "id=qmp,path=", qmp_.socket());
      link(word, "socket,path=", agent_.socket());
      const auto memory = word.find("mem-path=");
      if (word == "-incoming") state_ = kInMigrate;
      if (memory != std::string::npos && !contains(word, "share=off"))
        sys::write_durable(word.substr(memory + 9, word.find(',', memory) - memory - 9), "MEMORY");
    }
  }

  static constexpr int kWaitingPid = 7;  ///< of `hlid-guest await`, in every copy
  std::atomic<int> become_status{0};     ///< how that ends
  std::atomic<int> serve_status{0};      ///< how `hlid-guest serve` ends
  std::atomic<int> shell_status{0};

  std::vector<std::string> log() const {
    const std::lock_guard guard(mutex_);
    return log_;
  }

 private:
  static void link(const std::string& word, const std::string& before, const std::filesystem::path& to) {
    const auto at = word.find(before);
    if (at == std::string::npos || (before == "socket,path=" && !contains(word, "qga0"))) return;
    const auto begin = at + before.size();
    const std::string at_path = word.substr(begin, word.find(',', begin) - begin);
    std::filesystem::remove(at_path);
    std::filesystem::create_symlink(to, at_path);
  }

  void note(const std::string& what) {
    const std::lock_guard guard(mutex_);
    log_.push_back(what);
  }

  bool on_qmp(FakePeer& peer, const json::object& request) {
    const auto name = get_string(request, "execute").value_or("");
    if (name != "query-status" && name != "query-migrate" && name != "qom-list") note(name);
    if (name == "migrate") {
      const auto uri = get_string(request.at("arguments").as_object(), "uri").value_or("");
      const auto to = sys::connect_unix(uri.substr(5));
      [[maybe_unused]] const auto sent = ::write(to.get(), "STATE", 5);
    }
    json::value answer = json::object();
    if (name == "migrate-incoming") take_state(request);
    if (name == "cont") state_ = kRunning;
    if (name == "query-status")
      answer = json::object{{"status", kStates[state_]}, {"running", state_ == kRunning}};
    if (name == "query-migrate") answer = json::object{{"status", "completed"}};
    if (name == "qom-list") answer = json::array();
    peer.reply(request, std::move(answer));
    return name != "quit";
  }

  void take_state(const json::object& request) {
    const auto uri = get_string(request.at("arguments").as_object(), "uri").value_or("");
    taking_ = std::jthread([this, listener = sys::listen_unix(uri.substr(5))] {
      const sys::UniqueFd from(::accept(listener.get(), nullptr, nullptr));
      char bytes[16];
      const auto got = ::read(from.get(), bytes, sizeof bytes);
      note("state " + std::string(bytes, static_cast<std::size_t>(std::max<ssize_t>(got, 0))));
      state_ = kPaused;
    });
  }

  void on_agent(FakePeer& peer, const json::object& request) {
    const auto name = get_string(request, "execute").value_or("");
    if (name == "guest-exec") return execute(peer, request);
    if (name == "guest-exec-status") return tell_end(peer, request);
    if (name == "guest-file-write") note(name);
    if (name == "guest-file-open") return peer.reply(request, 1000);
    peer.reply(request, json::object());
  }

  void execute(FakePeer& peer, const json::object& request) {
    const auto& arguments = request.at("arguments").as_object();
    const auto path = get_string(arguments, "path").value_or("");
    const auto* rest = arguments.if_contains("arg");
    const auto verb = rest == nullptr ? "" : " " + std::string(rest->as_array().at(0).as_string());
    const auto program = path.substr(path.rfind('/') + 1) + verb;
    note(program);
    if (path.ends_with("hlid-guest") && version_.empty())
      return peer.refuse(request, "GenericError",
                         "Failed to execute child process (No such file or directory)");
    const int pid = program == "hlid-guest await" ? kWaitingPid : next_pid_++;
    begun_[pid] = program;
    peer.reply(request, json::object{{"pid", pid}});
  }

  /// What waits was begun in the copy, not in the machine that was resumed from it.
  void tell_end(FakePeer& peer, const json::object& request) {
    const auto pid = static_cast<int>(*get_integer(request.at("arguments").as_object(), "pid"));
    const auto& program = begun_[pid];
    const int status = contains(program, "cloud-init") ? 2
                       : pid == kWaitingPid            ? become_status.load()
                       : program == "hlid-guest serve" ? serve_status.load()
                       : contains(program, "sh -c")    ? shell_status.load()
                                                       : 0;
    peer.reply(request,
               json::object{{"exited", true},
                            {"exitcode", status},
                            {"out-data", base64_encode(contains(program, "hlid-guest") ? version_ : "")}});
  }

  std::string version_;
  std::map<int, std::string> begun_;  // by their number in the guest; only the agent's thread
  int next_pid_ = 100;
  enum State { kInMigrate, kPaused, kRunning };
  static constexpr const char* kStates[] = {"inmigrate", "paused", "running"};
  std::atomic<State> state_{kRunning};
  mutable std::mutex mutex_;
  std::vector<std::string> log_;
  FakeQmpServer qmp_;
  FakeAgent agent_;
  std::jthread taking_;
};

}  // namespace hlid::test
