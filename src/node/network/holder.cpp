#include "node/network/holder.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "node/network/anchor.h"
#include "node/network/child.h"
#include "node/network/uplink.h"
#include "sys/entropy.h"
#include "sys/files.h"
#include "sys/programs.h"

namespace hlid::node::network {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kFirstDelay = std::chrono::milliseconds(200);
constexpr auto kLongestDelay = std::chrono::seconds(30);
constexpr auto kSteady = std::chrono::seconds(60);  ///< who ran that long is restarted at once again
constexpr int kUplinkPatience = 5000;               ///< milliseconds
constexpr std::string_view kReady = "ready";
/// For port 53, and for DHCP's packets to machines without an address yet.
const std::set<int> kDnsCapabilities{CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW};
/// For ports below 1024 of the host.
const std::set<int> kForwarderCapabilities{CAP_NET_BIND_SERVICE};
/// Ourselves, also after an upgrade has replaced the file.
constexpr const char* kOwnProgram = "/proc/self/exe";

/// One supervised program: running, or due to be started again.
struct Service {
  std::string name;
  std::optional<sys::ProcessId> process = {};
  std::optional<Clock::time_point> due = {};
  Clock::time_point started = {};
  std::chrono::milliseconds delay = kFirstDelay;

  void has_started(sys::ProcessId id) {
    process = id;
    due.reset();
    started = Clock::now();
  }
  void has_ended() {
    const auto now = Clock::now();
    delay =
        now - started > kSteady ? kFirstDelay : std::min<std::chrono::milliseconds>(delay * 2, kLongestDelay);
    process.reset();
    due = now + delay;
  }
};

class Holder {
 public:
  explicit Holder(RealmFiles files) : files_(std::move(files)) {}

  /// Takes the lock and brings the realm up; throws when there can be none.
  void begin();
  /// Supervises until SIGTERM.
  void serve();

 private:
  void take_over_or_make();
  void start_uplink();
  void start_dns();
  void start_forwarder();
  void reload();
  void reap();
  void on_end(pid_t pid, int status);
  void restart_due();
  std::optional<Clock::time_point> next_due() const;
  void write_state();
  void end();

  RealmFiles files_;
  std::optional<sys::FileLock> lock_;
  RealmState state_;
  std::optional<sys::Namespaces> namespaces_;
  Service uplink_{"uplink"};
  Service dns_{"name service"};
  Service forwarder_{"forwarder"};
  std::string dns_config_;  ///< what the running name service was started with
};

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&set, signal);
  return set;
}

/// Waits for a handled signal, until `due` if there is one; 0 when that came first.
int wait_for_signal(std::optional<Clock::time_point> due) {
  const auto set = handled_signals();
  if (!due) return std::max(0, ::sigwaitinfo(&set, nullptr));
  const auto left = std::max(Clock::duration::zero(), *due - Clock::now());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(left - seconds);
  const timespec time{seconds.count(), nanoseconds.count()};
  return std::max(0, ::sigtimedwait(&set, nullptr, &time));
}

void Holder::begin() {
  lock_ = sys::FileLock::try_lock(files_.lock());
  if (!lock_) throw Error(Errc::conflict, "the realm in '{}' has a holder already", files_.folder.string());
  const auto set = handled_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  take_over_or_make();
  start_uplink();
  reload();
  write_state();
}

/// After this the anchor is our own child, whatever was there before.
void Holder::take_over_or_make() {
  const auto earlier = read_realm_state(files_);
  if (earlier) {
    for (const auto& left_over : {earlier->uplink, earlier->dns, earlier->forwarder})
      if (left_over) end_process(*left_over);
    namespaces_ = find_namespaces(*earlier);
  }
  state_.id = namespaces_ ? earlier->id : sys::SystemRandom().uuid().text;
  state_.user_namespace = namespaces_ ? earlier->user_namespace : !sys::may_unshare_network();
  state_.holder = sys::self_process_id();
  state_.anchor = start_anchor(namespaces_ ? &*namespaces_ : nullptr, state_.user_namespace);
  if (earlier) end_process(earlier->anchor);
  namespaces_ = sys::Namespaces::of(state_.anchor);
  if (!namespaces_) throw Error(Errc::failed, "the realm's anchor ended");
  state_.namespace_id = sys::network_namespace_of(state_.anchor.pid).value_or(0);
}

void Holder::start_uplink() {
  uplink_.due.reset();
  const auto program = find_uplink();
  if (!program) {
    state_.problem = "machines have no way out: neither 'slirp4netns' nor 'pasta' is installed";
    return;
  }
  Pipe ready = make_pipe();
  const auto argv = uplink_command(*program, state_.anchor.pid, state_.user_namespace, ready.write.get());
  uplink_.has_started(start_child(argv, {.kept_fd = ready.write.get()}));
  ready.write.reset();
  pollfd waited{ready.read.get(), POLLIN, 0};
  ::poll(&waited, 1, kUplinkPatience);
}

void Holder::start_dns() {
  dns_.due.reset();
  const auto program = sys::find_program("dnsmasq");
  if (!program) {
    state_.problem = "machines cannot be reached by name: 'dnsmasq' is not installed";
    return;
  }
  dns_config_ = sys::read_file(files_.dnsmasq());
  dns_.has_started(start_child({*program, "--conf-file=" + files_.dnsmasq().string()},
                               {.inside = &*namespaces_, .capabilities = kDnsCapabilities}));
}

/// Two programs, one on each side, that end with each other.
void Holder::start_forwarder() {
  forwarder_.due.reset();
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw system_error("cannot make a socket pair");
  const sys::UniqueFd outside(ends[0]);
  const sys::UniqueFd inside(ends[1]);
  start_child({kOwnProgram, "realm-sockets", std::to_string(inside.get())},
              {.inside = &*namespaces_, .kept_fd = inside.get(), .capabilities = std::set<int>{}});
  ChildOptions options{.kept_fd = outside.get()};
  if (!state_.user_namespace) options.capabilities = kForwarderCapabilities;  // others have none to lose
  forwarder_.has_started(start_child(
      {kOwnProgram, "realm-forward", files_.folder.string(), std::to_string(outside.get())}, options));
}

/// Host entries are read again on SIGHUP; all else only at the start (dnsmasq(8), NOTES).
void Holder::reload() {
  const bool wants_forwarder = std::filesystem::exists(files_.forward().rules());
  if (wants_forwarder && !forwarder_.process) start_forwarder();
  const auto config = sys::read_file_if_exists(files_.dnsmasq());
  if (!config) return;
  if (dns_.process && *config == dns_config_) {
    sys::send_signal(*dns_.process, SIGHUP);
    return;
  }
  if (dns_.process) end_process(*dns_.process);
  start_dns();
}

void Holder::on_end(pid_t pid, int status) {
  for (auto* service : {&uplink_, &dns_, &forwarder_}) {
    if (!service->process || service->process->pid != pid) continue;
    service->has_ended();
    log::warn("the realm's {} ended (wait status {}), starting it again", service->name, status);
  }
  if (state_.anchor.pid == pid) {
    log::warn("the realm's anchor ended, starting another");
    state_.anchor = start_anchor(&*namespaces_, state_.user_namespace);
  }
}

void Holder::reap() {
  int status = 0;
  for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0; pid = ::waitpid(-1, &status, WNOHANG))
    on_end(pid, status);
}

void Holder::restart_due() {
  const auto now = Clock::now();
  if (uplink_.due && *uplink_.due <= now) start_uplink();
  if (dns_.due && *dns_.due <= now) start_dns();
  if (forwarder_.due && *forwarder_.due <= now) start_forwarder();
}

std::optional<Clock::time_point> Holder::next_due() const {
  std::optional<Clock::time_point> next;
  for (const auto* service : {&uplink_, &dns_, &forwarder_})
    if (service->due) next = next ? std::min(*next, *service->due) : *service->due;
  return next;
}

void Holder::write_state() {
  state_.uplink = uplink_.process;
  state_.dns = dns_.process;
  state_.forwarder = forwarder_.process;
  write_realm_state(files_, state_);
}

void Holder::serve() {
  for (;;) {
    const int signal = wait_for_signal(next_due());
    if (signal == SIGTERM) return end();
    try {
      if (signal == SIGHUP) reload();
      reap();
      restart_due();
      write_state();
    } catch (const Error& error) {
      log::error("{}", error.what());  // a full disk, say: the namespaces must outlast it
    }
  }
}

void Holder::end() {
  for (const auto* service : {&forwarder_, &dns_, &uplink_})
    if (service->process) end_process(*service->process);
  end_process(state_.anchor);
  sys::remove_durable(files_.state());
}

/// Standard streams to the log, a session of its own: nothing of the caller's is kept.
void detach(const RealmFiles& files) {
  ::setsid();
  ::umask(077);
  if (::chdir("/") != 0) throw system_error("cannot leave the working folder");
  ::prctl(PR_SET_NAME, "hlid-realm");
  const sys::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const sys::UniqueFd log(::open(files.log().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!null || !log) throw system_error("cannot open '" + files.log().string() + "'");
  ::dup2(null.get(), STDIN_FILENO);
  ::dup2(log.get(), STDOUT_FILENO);
  ::dup2(log.get(), STDERR_FILENO);
}

void tell(const sys::UniqueFd& report, const std::string& text) {
  if (::write(report.get(), text.data(), text.size()) < 0) throw system_error("cannot report");
}

/// The holder proper. `report` gets "ready" when it serves, else what is wrong.
int holder_body(const RealmFiles& files, sys::UniqueFd report) {
  Holder holder(files);
  try {
    detach(files);
    holder.begin();
  } catch (const Error& error) {
    tell(report,
         fmt::format("{}\n{}", error.what(), error.hint().empty() ? "" : "fix: " + error.hint() + "\n"));
    return 1;
  }
  tell(report, std::string(kReady));
  report.reset();
  holder.serve();
  return 0;
}

}  // namespace

int hold_realm(const std::filesystem::path& folder) {
  const RealmFiles files{std::filesystem::absolute(folder)};
  sys::make_folder(folder, 0700);
  Pipe report = make_pipe();
  fork_child([&] {
    report.read.reset();
    return holder_body(files, std::move(report.write));
  });
  report.write.reset();
  const auto answer = read_to_end(report.read.get());
  if (answer == kReady) return 0;
  std::fputs(answer.empty() ? "the realm's holder ended\n" : answer.c_str(), stderr);
  return 1;
}

}  // namespace hlid::node::network
