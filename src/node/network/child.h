// Children of the realm's holder. The holder has one thread, so that it may fork and change namespaces in
// between.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sys/namespaces.h"
#include "sys/process.h"
#include "sys/unique_fd.h"

namespace hlid::node::network {

/// Forks; the child runs `body` with an empty signal mask and ends with its result. Whatever leaves `body` as
/// an exception is printed, and the child ends with 1.
sys::ProcessId fork_child(const std::function<int()>& body);

struct ChildOptions {
  const sys::Namespaces* inside = nullptr;  ///< where it runs; null: where we are
  int output = -1;                          ///< its standard output; -1: ours
  int kept_fd = -1;                         ///< one more descriptor that it inherits under its own number
  std::optional<std::set<int>> capabilities = {};  ///< all it may have; absent: as we
};

/// Runs a program that ends (SIGTERM) when we do, even by kill -9. argv[0] is a path.
sys::ProcessId start_child(const std::vector<std::string>& argv, const ChildOptions& options);

/// Runs a program in `inside` to its end; its standard output.
std::string output_of(const std::vector<std::string>& argv, const sys::Namespaces& inside);

/// SIGTERM, after two seconds SIGKILL, and gone.
void end_process(const sys::ProcessId& process);

/// Both ends of a pipe, close-on-exec.
struct Pipe {
  sys::UniqueFd read;
  sys::UniqueFd write;
};
Pipe make_pipe();

/// All that can be read until the other end is closed.
std::string read_to_end(int fd);

}  // namespace hlid::node::network
