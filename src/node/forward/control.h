// The conversation with a running forwarder over its unix socket: one JSON object a line, one answer each.
//   {"do":"set","rules":[…],"strict":true}   → {} or {"error":…,"hint":…,"kind":…}
//   {"do":"status"}                          → {"ports":[…]}
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/json.h"
#include "node/forward/event_loop.h"

namespace hlid::node::forward {

/// The forwarder's end. What `answer` throws becomes an answer, too.
class Control {
 public:
  using AnswerTo = std::function<json::object(const json::object& question)>;

  Control(EventLoop& loop, const std::filesystem::path& socket, AnswerTo answer);

 private:
  struct Caller {
    sys::UniqueFd fd;
    std::string text;
    std::unique_ptr<Watch> watch;  // after the descriptor
  };

  void accept_one();
  void read_from(int id);

  EventLoop& loop_;
  AnswerTo answer_;
  sys::UniqueFd listener_;
  Watch watch_;
  std::map<int, Caller> callers_;
  int last_id_ = 0;
};

/// Asks and waits for the answer. Throws Error: not_found (nobody listens there), timeout, protocol, or what
/// the other side threw.
json::object ask(const std::filesystem::path& socket, const json::object& question,
                 std::chrono::milliseconds patience);

}  // namespace hlid::node::forward
