#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "cli/command.h"
#include "cli/lab_file.h"
#include "cli/lab_session.h"
#include "cli/terminal.h"
#include "sys/unix_socket.h"

namespace hlid::cli {
namespace {

constexpr char kEscape = 0x1D;  // Ctrl-]

struct ConsoleOptions {
  std::string file = "homelab.yaml";
  std::string name;
};

/// The terminal in raw mode for as long as this lives: each key goes to the machine.
class RawTerminal {
 public:
  RawTerminal() {
    active_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
    if (!active_) return;
    termios raw = before_;
    ::cfmakeraw(&raw);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() {
    if (active_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }

 private:
  termios before_{};
  bool active_ = false;
};

bool write_all(int fd, const char* bytes, std::size_t count) {
  while (count > 0) {
    const auto done = ::write(fd, bytes, count);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes += done;
    count -= static_cast<std::size_t>(done);
  }
  return true;
}

/// Copies what there is; false at the end, or at Ctrl-] when `escape`.
bool copy_once(int from, int to, bool escape) {
  std::array<char, 4096> buffer{};
  const auto count = ::read(from, buffer.data(), buffer.size());
  if (count < 0 && errno == EINTR) return true;
  if (count <= 0) return false;
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
  const auto at = escape ? bytes.find(kEscape) : std::string_view::npos;
  return write_all(to, bytes.data(), std::min(at, bytes.size())) && at == std::string_view::npos;
}

void join(int machine) {
  std::array<pollfd, 2> both{{{STDIN_FILENO, POLLIN, 0}, {machine, POLLIN, 0}}};
  while (true) {
    if (::poll(both.data(), both.size(), -1) < 0 && errno != EINTR) throw system_error("poll");
    if (both[1].revents != 0 && !copy_once(machine, STDOUT_FILENO, false)) return;
    if (both[0].revents != 0 && !copy_once(STDIN_FILENO, machine, true)) {
      if (input_is_terminal()) return;
      both[0].fd = -1;  // nothing more to send, still listening
    }
  }
}

sys::UniqueFd open_serial(const LabSession& session, const drive::EmbeddedNode& node,
                          const model::Machine& machine) {
  const auto socket = node.folder().serial_socket(machine.vmid.value);
  try {
    return sys::connect_unix(socket);
  } catch (Error& error) {
    throw Error(Errc::precondition, "{} of homelab '{}' has no console now: it is not running", machine.name,
                session.lab().name)
        .with_hint("hlid up");
  }
}

Exit console(const ConsoleOptions& options) {
  LabSession session(read_lab_file(options.file).lab);
  const auto& machine = find_machine(session.lab(), options.name);
  if (!session.node())
    throw Error(Errc::unsupported,
                "the console of a Proxmox VE's machine is not reachable through its API alone")
        .with_hint(fmt::format("on {}: qm terminal {}", machine.node, machine.vmid.value));
  const auto serial = open_serial(session, *session.node(), machine);
  print_error("connected to " + machine.name + "; Ctrl-] quits, Enter wakes it");
  {
    const RawTerminal raw;
    join(serial.get());
  }
  print_error("\nleft the console of " + machine.name);
  return Exit::done;
}

}  // namespace

void add_console(CLI::App& app, Chosen& chosen) {
  auto& command = add_command(app, "console", "console");
  auto options = std::make_shared<ConsoleOptions>();  // shared with the callback
  command.add_option("name", options->name, "the machine")->required()->type_name("NAME");
  add_file_option(command, options->file);
  command.callback([&chosen, options] { chosen.action = [options] { return console(*options); }; });
}

}  // namespace hlid::cli
