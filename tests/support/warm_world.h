// A QEMU that never runs: the monitor and the agent that a warm copy's preparation talks to, scripted.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
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

  std::atomic<int> become_status{0};  ///< how `hlid-guest become` ends

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
    if (name == "guest-exec") {
      const auto program = get_string(request.at("arguments").as_object(), "path").value_or("");
      note(program);
      const auto* rest = request.at("arguments").as_object().if_contains("arg");
      if (rest != nullptr) verb_ = std::string(rest->as_array().at(0).as_string());
      if (program.ends_with("hlid-guest") && version_.empty())
        return peer.refuse(request, "GenericError",
                           "Failed to execute child process (No such file or directory)");
      last_ = program;
      return peer.reply(request, json::object{{"pid", 7}});
    }
    if (name == "guest-exec-status")
      return peer.reply(
          request, json::object{{"exited", true},
                                {"exitcode", contains(last_, "cloud-init") ? 2
                                             : verb_ == "become"           ? become_status.load()
                                                                           : 0},
                                {"out-data", base64_encode(contains(last_, "hlid-guest") ? version_ : "")}});
    peer.reply(request, json::object());
  }

  std::string version_;
  std::string last_, verb_;
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
