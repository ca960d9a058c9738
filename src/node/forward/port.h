// One published port: its listening socket, its back-ends and its connections.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "node/forward/connection.h"

namespace hlid::node::forward {

class Port : private ConnectionKeeper {
 public:
  Port(Workshop& workshop, Rule rule, int limit);
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  const Rule& rule() const { return rule_; }
  /// Listens. Throws as listen_on(); it then does not.
  void open();
  /// Listens, now or as soon as it can.
  void open_when_possible();
  /// Takes no more connections; those that it has go on.
  void close();

  /// Others behind the same port, which goes on listening. Connections to those that are not among them any
  /// more are cut.
  void set_targets(const Rule& rule);
  /// At most so many connections; more wait to be accepted.
  void set_limit(int limit);

  PortStatus status() const;

 private:
  void backend_failed() override { plan_probe(); }
  void has_ended(Connection& connection) override;
  void accept_some();
  void begin(sys::UniqueFd client);
  void pause();
  void listen_again();
  void probe();
  void plan_probe();
  bool is_full() const { return static_cast<int>(connections_.size()) >= limit_; }

  Workshop& workshop_;
  Rule rule_;
  int limit_;
  Backends backends_;
  Counters counters_;
  std::string error_;
  sys::UniqueFd listener_;
  std::unique_ptr<Watch> listening_;
  std::unique_ptr<Timer> retry_;  ///< of open(), or of accepting
  std::unique_ptr<Timer> next_probe_;
  std::map<Endpoint, std::unique_ptr<Dial>> probes_;
  std::map<const Connection*, std::unique_ptr<Connection>> connections_;
};

}  // namespace hlid::node::forward
