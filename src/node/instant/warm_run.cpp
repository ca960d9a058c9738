#include "node/instant/warm_run.h"

#include <charconv>
#include <csignal>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "guest/warm_values.h"
#include "image/iso.h"
#include "node/instant/quiet.h"
#include "node/instant/transfer.h"
#include "node/qemu/agent_exec.h"
#include "node/qemu/qmp_client.h"
#include "node/storage/qcow2.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "sys/process.h"

namespace hlid::node::instant {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// An emulated boot takes minutes, several on a busy host.
constexpr minutes kBootPatience{30};
constexpr minutes kStepPatience{5};
constexpr const char* kGuestVersion = "4";

class WarmRun {
 public:
  WarmRun(const Recipe& recipe, const WarmPlaces& places, const qemu::HostFacts& facts,
          sys::ProcessRunner& processes, sys::Clock& clock, const Log& log, const std::stop_token& stop)
      : recipe_(recipe),
        places_(places),
        facts_(facts),
        processes_(processes),
        clock_(clock),
        log_(log),
        stop_(stop),
        agent_(places.run / "0.qga", "the warm copy") {}
  ~WarmRun() { end_processes_of(places_.run); }
  WarmRun(const WarmRun&) = delete;
  WarmRun& operator=(const WarmRun&) = delete;

  std::int64_t run() {
    make_files();
    launch();
    wait_agent();
    check_guest_program();
    wait_cloud_init();
    unplug_card();
    const auto waiting = qemu::begin_in_guest(agent_, {.argv = {kGuestProgram, "await", kSeedDevice}});
    make_quiet();
    save_state(*qmp_, clock_, places_.run / "0.mig", places_.copy.state());
    end();
    return waiting;
  }

 private:
  void make_files() const {
    storage::create_qcow2(places_.copy.disk(), recipe_.size, recipe_.base.path, recipe_.base.format);
    std::map<std::string, image::IsoContent> files;
    for (const auto& [name, text] : recipe_.seed) files.emplace(name, text);
    image::write_iso(seed(), "cidata", files);
    fs::resize_file(seed(), std::uintmax_t{4} << 20);
  }

  fs::path log_folder() const { return places_.run / "log"; }
  fs::path seed() const { return places_.run / "seed.iso"; }

  void launch() {
    sys::make_folder(log_folder());
    qemu::Places places{places_.run.string(), {}, log_folder().string()};
    for (const auto& drive : qemu::drives_of(recipe_.values)) {
      if (drive.is_empty()) continue;
      places.volumes[drive.volume] = drive.is_cloudinit()
                                         ? qemu::VolumeFile{seed().string(), "raw", false, 0}
                                         : qemu::VolumeFile{places_.copy.disk().string(), "qcow2", false, 0};
    }
    const auto argv = warm_command(recipe_.values, facts_, places, places_.copy.memory().string());
    sys::run_checked(processes_, {.argv = argv, .timeout = seconds(120)}, stop_);
    qmp_ = qemu::QmpClient::connect(places_.run / "0.qmp", {.label = "the warm copy"});
  }

  void pause(milliseconds time) const {
    if (!clock_.sleep(time, stop_)) throw Error(Errc::interrupted, "received interrupt");
  }

  void wait_agent() {
    const auto begin = clock_.now();
    auto told = begin;
    while (!agent_.ping(milliseconds(2000))) {
      if (clock_.now() - begin > kBootPatience)
        throw Error(Errc::timeout, "the template's guest agent did not answer within {} minutes{}",
                    kBootPatience.count(), last_words());
      if (clock_.now() - told > seconds(30)) {
        told = clock_.now();
        log_(fmt::format("warm copy: booting for {} s",
                         std::chrono::duration_cast<seconds>(told - begin).count()));
      }
      qmp_->execute("query-status");  // fails when QEMU is gone
      pause(milliseconds(1000));
    }
  }

  std::string last_words() const {
    const auto text = sys::read_file_if_exists(log_folder() / "0.serial0").value_or("");
    return text.empty()
               ? ""
               : "; the console's end: " + text.substr(text.size() - std::min<std::size_t>(text.size(), 400));
  }

  qemu::GuestExit in_guest(std::vector<std::string> argv, milliseconds timeout) {
    return qemu::run_in_guest(
        agent_, clock_, {.argv = std::move(argv), .timeout = timeout, .poll = milliseconds(1000)}, stop_);
  }

  void check_guest_program() {
    try {
      const auto told = in_guest({kGuestProgram, "version"}, kStepPatience);
      if (trim(told.output) == kGuestVersion) return;
    } catch (const Error& error) {
      if (error.code() != Errc::failed) throw;
    }
    throw Error(Errc::unsupported, "the template has no {} of version {}", kGuestProgram, kGuestVersion);
  }

  void wait_cloud_init() {
    log_("warm copy: waiting for cloud-init");
    const auto done = in_guest({"/usr/bin/cloud-init", "status", "--wait"}, kBootPatience);
    // 2: done with recoverable errors, as every datasource search may have.
    if (done.status != 0 && done.status != 2)
      throw Error(Errc::failed, "cloud-init in the warm copy ended with {}: {}", done.status,
                  trim(done.output));
  }

  void make_quiet() {
    const auto done = in_guest({"/bin/sh", "-c", kMakeQuiet}, kStepPatience);
    if (done.status != 0)
      throw Error(Errc::failed, "the warm copy does not get quiet: {}", trim(done.error_output));
  }

  void unplug_card() {
    qmp_->execute("device_del", {{"id", "net0"}});
    const auto deadline = clock_.now() + kStepPatience;
    while (has_card()) {
      if (clock_.now() > deadline)
        throw Error(Errc::timeout, "the warm copy does not let go of its network card");
      pause(milliseconds(200));
    }
    qmp_->execute("netdev_del", {{"id", "net0"}});
  }

  bool has_card() {
    const json::value devices = qmp_->execute("qom-list", {{"path", "/machine/peripheral"}});
    for (const auto& one : devices.as_array())
      if (get_string(one.as_object(), "name") == "net0") return true;
    return false;
  }

  void end() {
    try {
      qmp_->execute("quit");
    } catch (const Error& error) {  // it may close before it replies
      log::debug("{}", error.what());
    }
    const auto deadline = clock_.now() + seconds(20);
    while (qmp_->is_open() && clock_.now() < deadline) clock_.sleep(milliseconds(20));
  }

  const Recipe& recipe_;
  const WarmPlaces& places_;
  const qemu::HostFacts& facts_;
  sys::ProcessRunner& processes_;
  sys::Clock& clock_;
  const Log& log_;
  const std::stop_token& stop_;
  qemu::AgentClient agent_;
  std::unique_ptr<qemu::QmpClient> qmp_;
};

std::vector<sys::ProcessId> processes_naming(const std::string& text) {
  std::vector<sys::ProcessId> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename().string();
    pid_t pid = 0;
    const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (failure != std::errc() || end != name.data() + name.size()) continue;
    const auto words = sys::read_file_if_exists(entry.path() / "cmdline");
    const auto start = sys::start_time_of(pid);
    if (words && start && contains(*words, text)) out.push_back({pid, *start});
  }
  return out;
}

}  // namespace

void end_processes_of(const fs::path& folder) {
  const std::string argument = std::string("-pidfile") + '\0' + (folder / "0.pid").string() + '\0';
  for (const auto& process : processes_naming(argument)) {
    sys::send_signal(process, SIGKILL);
    sys::wait_gone(process, seconds(10));
  }
}

std::int64_t run_warm(const Recipe& recipe, const WarmPlaces& places, const qemu::HostFacts& facts,
                      sys::ProcessRunner& processes, sys::Clock& clock, const Log& log,
                      const std::stop_token& stop) {
  return WarmRun(recipe, places, facts, processes, clock, log, stop).run();
}

}  // namespace hlid::node::instant
