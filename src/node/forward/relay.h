// Bytes between two connected sockets, both ways, without waiting.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "node/forward/event_loop.h"
#include "sys/unique_fd.h"

namespace hlid::node::forward {

/// One direction. Reads only when all that was read before is written, so a slow reader slows its writer and
/// nothing piles up here: at most one piece is kept, and none while the direction is idle.
class Flow {
 public:
  enum class State {
    open,
    finished,  ///< the source has ended, and the destination was told (shutdown(2))
    refused,   ///< the destination takes no more
    broken     ///< the source was reset
  };

  Flow(int from, int to) : from_(from), to_(to) {}

  /// Moves what can be moved now, within a fair share. `scratch` is anybody's memory.
  void move(std::span<char> scratch);

  State state() const { return state_; }
  bool wants_to_read() const { return state_ == State::open && kept_.empty(); }
  bool wants_to_write() const { return state_ == State::open && !kept_.empty(); }
  std::uint64_t moved() const { return moved_; }

 private:
  bool fill(std::span<char> scratch);
  bool drain(std::span<const char> bytes);

  int from_;
  int to_;
  State state_ = State::open;
  std::string kept_;
  std::uint64_t moved_ = 0;
};

/// Both directions of one connection, each of which may end before the other. The sockets are non-blocking.
class Relay {
 public:
  Relay(sys::UniqueFd client, sys::UniqueFd server);
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  /// Closes both. What did not end in good order is reset, so that neither side takes it for complete.
  ~Relay();

  void move(std::span<char> scratch);
  bool is_over() const;
  int client() const { return client_.get(); }
  int server() const { return server_.get(); }
  Watch::For wanted_of_client() const;
  Watch::For wanted_of_server() const;
  std::uint64_t from_client() const { return up_.moved(); }
  std::uint64_t from_server() const { return down_.moved(); }

 private:
  sys::UniqueFd client_;
  sys::UniqueFd server_;
  Flow up_;
  Flow down_;
};

/// Makes the next close of a socket a reset (socket(7), SO_LINGER).
void reset_on_close(int socket);
/// No delay for small pieces; a peer that is gone without a word is noticed within two minutes.
void set_up_stream(int socket);

}  // namespace hlid::node::forward
