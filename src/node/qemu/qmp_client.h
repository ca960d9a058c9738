// A connection to one QEMU's monitor (QMP): commands with ids, events, typed errors, time-outs.
//
// Contract: one reader thread per connection; any number of threads may execute commands at once. When the
// connection ends, for whatever reason, every waiting command fails and `on_closed` is called once. A command
// that timed out is given up, the connection is not: its late reply is dropped. Source: QEMU
// docs/interop/qmp-spec.txt (greeting, capabilities negotiation, ids, events).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace hlid::node::qemu {

using Milliseconds = std::chrono::milliseconds;

struct QmpEvent {
  std::string name;  // SHUTDOWN, RESET, STOP, DEVICE_DELETED, …
  json::object data;
  std::int64_t seconds = 0;
};

/// QEMU refused a command. `error_class` is QMP's: GenericError, CommandNotFound, DeviceNotFound,
/// DeviceNotActive, …
class QmpError : public Error {
 public:
  QmpError(std::string message, std::string error_class, std::string description)
      : Error(Errc::failed, std::move(message)),
        error_class_(std::move(error_class)),
        description_(std::move(description)) {}
  const std::string& error_class() const { return error_class_; }
  const std::string& description() const { return description_; }

 private:
  std::string error_class_;
  std::string description_;
};

/// How long QEMU may take to answer `command` (most: 5 s).
Milliseconds qmp_timeout(std::string_view command);

class QmpClient {
 public:
  struct Options {
    std::string label;                            // "VM 100", begins every error text
    std::function<void(QmpEvent)> on_event = {};  // on the reader thread: must not block or execute commands
    std::function<void(const std::string&)> on_closed = {};  // on the reader thread, with the reason
    std::size_t transcript_lines = 64;
    std::size_t message_limit = 16U << 20;
  };

  /// Connects and negotiates. Throws Error: not_found when nobody listens there, timeout, protocol.
  static std::unique_ptr<QmpClient> connect(const std::filesystem::path& socket, Options options,
                                            Milliseconds timeout = Milliseconds(5000));
  ~QmpClient();
  QmpClient(const QmpClient&) = delete;
  QmpClient& operator=(const QmpClient&) = delete;

  /// Executes and waits; returns the reply's `return`. Throws QmpError when QEMU refuses, Error(timeout) "…
  /// qmp command 'X' failed - got timeout", Error(io) when the connection ends first.
  json::value execute(std::string_view command, json::object arguments = {},
                      std::optional<Milliseconds> timeout = std::nullopt);
  bool is_open() const;
  /// The version of the greeting: "7.2.22".
  const std::string& version() const { return version_; }
  /// The last lines in both directions ("> …", "< …"), oldest first, for diagnosis.
  std::vector<std::string> transcript() const;

 private:
  struct State;
  QmpClient(std::shared_ptr<State> state, std::string version, std::jthread reader);
  // Shared by this object and its reader thread, which may be delivering a last event while the client goes.
  std::shared_ptr<State> state_;
  std::string version_;
  std::jthread reader_;
};

}  // namespace hlid::node::qemu
