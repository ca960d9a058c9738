// A peer on a unix socket that talks like QEMU's monitor or like a guest agent, scripted by the test.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/json.h"
#include "sys/files.h"
#include "sys/unique_fd.h"

namespace hlid::test {

/// One accepted connection. Bytes are sent as given, so that a test decides how messages are cut.
class FakePeer {
 public:
  explicit FakePeer(sys::UniqueFd fd) : fd_(std::move(fd)) {}
  void send(std::string_view bytes) const;
  void reply(const json::object& request,
             json::value value) const;  ///< {"return": value, "id": the request's}
  void refuse(const json::object& request, std::string_view error_class, std::string_view text) const;
  /// The next line as JSON (a leading 0xFF is left out); nullopt when the other side hung up.
  std::optional<json::object> receive();
  void hang_up() { fd_.reset(); }

 private:
  sys::UniqueFd fd_;
  std::string buffered_;
};

/// Listens until destroyed and runs `serve` for one connection after the other, on its own thread.
class FakeServer {
 public:
  explicit FakeServer(std::function<void(FakePeer&)> serve);
  ~FakeServer();
  const std::filesystem::path& socket() const { return socket_; }
  int connections() const { return connections_; }

 private:
  sys::TempFolder folder_{"qmp"};
  std::filesystem::path socket_ = folder_.path() / "s";
  std::atomic<int> connections_{0};
  sys::UniqueFd listener_;
  std::jthread thread_;
};

/// A monitor: greets, answers qmp_capabilities, then calls `on_command` with each command. false ends the
/// connection.
class FakeQmpServer {
 public:
  using OnCommand = std::function<bool(FakePeer&, const json::object&)>;
  explicit FakeQmpServer(OnCommand on_command);
  const std::filesystem::path& socket() const { return server_.socket(); }
  static constexpr std::string_view kGreeting =
      R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "x"}, "capabilities": ["oob"]}})"
      "\r\n";

 private:
  FakeServer server_;
};

/// A guest agent: answers guest-sync-delimited, then calls `on_command`. Without `alive` it says nothing at
/// all.
class FakeAgent {
 public:
  using OnCommand = std::function<void(FakePeer&, const json::object&)>;
  explicit FakeAgent(OnCommand on_command, bool alive = true);
  const std::filesystem::path& socket() const { return server_.socket(); }
  int connections() const { return server_.connections(); }

 private:
  FakeServer server_;
};

}  // namespace hlid::test
