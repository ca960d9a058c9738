// A plain client of the host's network, blocking, that waits a minute at most.
#pragma once

#include <string>

#include "sys/unique_fd.h"

namespace hlid::test {

class TcpClient {
 public:
  explicit TcpClient(int port, const std::string& address = "127.0.0.1");

  bool connected() const { return connected_; }
  /// False when the other side takes no more.
  bool say(const std::string& text);
  void end();  ///< says no more
  /// That many bytes, or fewer when the connection ends before.
  std::string hear(std::size_t size);
  std::string hear_all() { return hear(1U << 20); }

 private:
  sys::UniqueFd fd_;
  bool connected_ = false;
};

/// A listening socket on a free port of the loopback, which nobody else gets while it lives.
class TakenPort {
 public:
  TakenPort();
  int number() const { return number_; }

 private:
  sys::UniqueFd fd_;
  int number_ = 0;
};

/// A port of the loopback that is free now.
int free_port();

}  // namespace hlid::test
