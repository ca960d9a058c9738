// A QEMU that never runs: the monitor and the agent that a warm copy's preparation talks to, scripted.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/text.h"
#include "support/fake_qmp.h"
#include "support/scripted_process.h"
#include "sys/unix_socket.h"

namespace hlid::test {

/// Started by a command line, as QEMU is: listens where that says.
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
      if (memory != std::string::npos)
        sys::write_durable(word.substr(memory + 9, word.find(',', memory) - memory - 9), "MEMORY");
    }
  }

  std::vector<std::string> log() const {
    const std::lock_guard guard(mutex_);
    return log_;
  }

 private:
  static void link(const std::string& word, const std::string& before, const std::filesystem::path& to) {
    const auto at = word.find(before);
    if (at == std::string::npos || (before == "socket,path=" && !contains(word, "qga0"))) return;
    const auto begin = at + before.size();
    std::filesystem::create_symlink(to, word.substr(begin, word.find(',', begin) - begin));
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
    if (name == "query-migrate") answer = json::object{{"status", "completed"}};
    if (name == "qom-list") answer = json::array();
    peer.reply(request, std::move(answer));
    return name != "quit";
  }

  void on_agent(FakePeer& peer, const json::object& request) {
    const auto name = get_string(request, "execute").value_or("");
    if (name == "guest-exec") {
      const auto program = get_string(request.at("arguments").as_object(), "path").value_or("");
      note(program);
      if (program.ends_with("hlid-guest") && version_.empty())
        return peer.refuse(request, "GenericError",
                           "Failed to execute child process (No such file or directory)");
      last_ = program;
      return peer.reply(request, json::object{{"pid", 7}});
    }
    if (name == "guest-exec-status")
      return peer.reply(
          request, json::object{{"exited", true},
                                {"exitcode", contains(last_, "cloud-init") ? 2 : 0},
                                {"out-data", base64_encode(contains(last_, "hlid-guest") ? version_ : "")}});
    peer.reply(request, json::object());
  }

  std::string version_;
  std::string last_;
  mutable std::mutex mutex_;
  std::vector<std::string> log_;
  FakeQmpServer qmp_;
  FakeAgent agent_;
};

}  // namespace hlid::test
