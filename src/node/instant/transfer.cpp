#include "node/instant/transfer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <thread>

#include "base/error.h"
#include "sys/clock.h"
#include "sys/unique_fd.h"
#include "sys/unix_socket.h"

namespace hlid::node::instant {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kPatience{60};

void ignore_shared(qemu::QmpClient& qmp) {
  const json::object capability{{"capability", "x-ignore-shared"}, {"state", true}};
  qmp.execute("migrate-set-capabilities", {{"capabilities", json::array{capability}}});
}

/// Waits for who connects; an empty descriptor when nobody does in time.
sys::UniqueFd accept_one(int listener) {
  pollfd waiting{listener, POLLIN, 0};
  const int timeout = static_cast<int>(milliseconds(kPatience).count());
  if (::poll(&waiting, 1, timeout) != 1) return {};
  return sys::UniqueFd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
}

/// All that comes until the other side closes.
void receive_to(int from, const fs::path& file) {
  const sys::UniqueFd to(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!to) throw system_error("cannot create '" + file.string() + "'");
  std::array<char, 65536> buffer{};
  while (true) {
    const auto got = ::read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw system_error("cannot read a machine's state");
    if (got == 0) break;
    if (::write(to.get(), buffer.data(), static_cast<std::size_t>(got)) != got)
      throw system_error("cannot write '" + file.string() + "'");
  }
  if (::fsync(to.get()) != 0) throw system_error("cannot write '" + file.string() + "'");
}

void wait_migrated(qemu::QmpClient& qmp, sys::Clock& clock) {
  const auto deadline = clock.now() + kPatience;
  while (clock.now() < deadline) {
    const json::value reply = qmp.execute("query-migrate");
    const auto status = get_string(reply.as_object(), "status").value_or("");
    if (status == "completed") return;
    if (status == "failed" || status == "cancelled")
      throw Error(Errc::failed, "QEMU could not write the machine's state: {}",
                  get_string(reply.as_object(), "error-desc").value_or(status));
    clock.sleep(milliseconds(20));
  }
  throw Error(Errc::timeout, "QEMU did not finish writing the machine's state");
}

void send_file(const fs::path& file, int to) {
  const sys::UniqueFd from(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!from || ::fstat(from.get(), &info) != 0) throw system_error("cannot open '" + file.string() + "'");
  for (off_t sent = 0; sent < info.st_size;) {
    const auto count = ::sendfile(to, from.get(), &sent, static_cast<std::size_t>(info.st_size - sent));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw system_error("QEMU does not take the machine's state");
  }
}

}  // namespace

void save_state(qemu::QmpClient& qmp, sys::Clock& clock, const fs::path& socket, const fs::path& file) {
  ignore_shared(qmp);
  qmp.execute("stop");
  const auto listener = sys::listen_unix(socket);
  std::exception_ptr failure;
  {
    const std::jthread receiver([&] {
      try {
        const auto from = accept_one(listener.get());
        if (!from) throw Error(Errc::timeout, "QEMU does not write the machine's state");
        receive_to(from.get(), file);
      } catch (...) {
        failure = std::current_exception();
      }
    });
    qmp.execute("migrate", {{"uri", "unix:" + socket.string()}});
    wait_migrated(qmp, clock);
  }
  std::error_code ignored;
  fs::remove(socket, ignored);
  if (failure) std::rethrow_exception(failure);
}

void load_state(qemu::QmpClient& qmp, sys::Clock& clock, const fs::path& socket, const fs::path& file) {
  std::error_code ignored;
  fs::remove(socket, ignored);
  ignore_shared(qmp);
  qmp.execute("migrate-incoming", {{"uri", "unix:" + socket.string()}});
  {
    const auto to = sys::connect_unix(socket);
    fs::remove(socket, ignored);
    send_file(file, to.get());
  }
  const auto deadline = clock.now() + kPatience;
  while (clock.now() < deadline) {
    const json::value reply = qmp.execute("query-status");
    if (get_string(reply.as_object(), "status").value_or("inmigrate") != "inmigrate") return;
    clock.sleep(milliseconds(5));
  }
  throw Error(Errc::timeout, "QEMU did not finish reading the machine's state");
}

}  // namespace hlid::node::instant
