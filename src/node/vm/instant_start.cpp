// The first start of an instant machine: its disk put over the warm copy's, QEMU resumed with the copy's
// memory, the machine made itself, and only then its network card plugged in.
#include <chrono>
#include <ctime>

#include "base/log.h"
#include "base/text.h"
#include "guest/warm_values.h"
#include "node/instant/transfer.h"
#include "node/qemu/agent_exec.h"
#include "node/qemu/plug.h"
#include "node/storage/qcow2.h"
#include "node/vm/disks.h"
#include "node/vm/instant.h"
#include "node/vm/power.h"
#include "wire/size.h"

namespace hlid::node::vm {
namespace {

using instant::Record;
using instant::Stage;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kSeedDevice = "/dev/sr0";  // of the only CD drive
constexpr seconds kAgentPatience{60};
constexpr seconds kIdentityPatience{180};
constexpr std::size_t kEntropy = 64;

class Resumption {
 public:
  Resumption(Core& core, const VmLock& lock, const Section& values, Record record, TaskContext& context)
      : core_(core),
        vmid_(lock.vmid()),
        values_(values),
        record_(std::move(record)),
        context_(context),
        drive_(instant::system_disk(values)) {
    std::tie(storage_, volume_) = core.parts.storages.resolve(drive_.volume);
    size_ = storage_->info(volume_).size;
  }

  /// Everything up to here has changed nothing; Error: why it must be booted.
  instant::WarmCopy prepare() {
    instant::Recipe recipe;
    recipe.values = instant::warm_values(values_);
    recipe.base = instant::look_at_base(record_.base, record_.base_format);
    recipe.size = size_;
    recipe.seed = cloudinit_drive(Vmid{0}, recipe.values, {}).files;
    recipe.seed["meta-data"] = fmt::format("instance-id: {}\n", guest::warm::kInstanceId);
    recipe.key = instant::warm_key(recipe.values, core_.parts.facts, recipe.base, recipe.seed);
    return core_.warm.obtain(
        recipe, [this](const std::string& line) { context_.log(line); }, context_.stop_token());
  }

  void run(const instant::WarmCopy& copy) {
    begin_ = core_.parts.clock.now();
    enter(Stage::resuming);
    storage_->renew_over(volume_, {copy.disk(), "qcow2"}, copy.size);
    start_qemu(copy);
    const auto qmp = running_->qmp();
    instant::load_state(*qmp, core_.parts.clock, core_.runtime.file(vmid_, "mig"), copy.state());
    if (size_ > copy.size)
      qmp->execute("block_resize", {{"device", "drive-" + drive_.key}, {"size", size_.count}});
    qmp->execute("cont");
    tell("is resumed from the warm copy");
    become();
    tell("is itself");
    enter(Stage::plugging);
    plug();
    if (size_ > copy.size) grow();
    tell("has its devices");
    enter(Stage::growing);
    running_->hidden = false;
    core_.wake_upkeep();
  }

  /// The disk as the clone left it: what the half resumed machine wrote is worth nothing.
  void start_over(Stage stage) {
    if (const auto left = core_.runtime.find(vmid_)) kill_qemu(core_, left);
    storage_->renew_over(volume_, {record_.base, record_.base_format}, size_);
    enter(stage);
    if (stage == Stage::settled) leave();
  }

  void leave() { settle(core_, vmid_, record_); }

 private:
  void enter(Stage stage) {
    record_.stage = stage;
    core_.records.write(vmid_, record_);
  }

  void tell(const char* what) const {
    const auto took = std::chrono::duration_cast<milliseconds>(core_.parts.clock.now() - begin_).count();
    context_.log(fmt::format("instant: VM {} {} after {} ms", vmid_.value, what, took));
  }

  void start_qemu(const instant::WarmCopy& copy) {
    const auto command = instant::resumed_command(vmid_, values_, core_.parts.facts,
                                                  places_of(core_, values_), copy.memory().string());
    launch(core_, vmid_, command, !taps_of(vmid_, values_).empty(), context_);
    running_ = core_.runtime.attach(vmid_, true);
  }

  /// The host's clock and randomness, which come before anything else the machine does.
  std::string clock_and_entropy() const {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return fmt::format("{} {}\n", now.tv_sec, now.tv_nsec) + core_.parts.random.bytes(kEntropy);
  }

  void become() const {
    if (!running_->agent.ping(kAgentPatience))
      throw Error(Errc::timeout, "the resumed guest agent does not answer");
    const auto done = qemu::run_in_guest(running_->agent, core_.parts.clock,
                                         {.argv = {instant::kGuestProgram, "become", kSeedDevice},
                                          .input = clock_and_entropy(),
                                          .timeout = kIdentityPatience,
                                          .poll = milliseconds(100)},
                                         context_.stop_token());
    if (done.status != 0)
      throw Error(Errc::failed, "the machine could not take its identity: {}", trim(done.error_output));
    context_.log("instant: inside: " + replace_all(std::string(trim(done.output)), "\n", ", "));
  }

  void plug() const {
    const auto taps = taps_of(vmid_, values_);
    if (!taps.empty()) core_.parts.network.add_taps(taps);
    const auto qmp = running_->qmp();
    const auto cards = qemu::plug_commands(vmid_, instant::without_cards(values_), values_, core_.parts.facts,
                                           places_of(core_, values_));
    if (!cards) throw Error(Errc::failed, "the machine's network card cannot be plugged in");
    for (const auto& command : *cards) qmp->execute(command.name, command.arguments);
    adjust_running(running_, values_);
  }

  /// Seconds of work for the guest, for which nobody has to wait; should it be cut off, cloud-init does it at
  /// the next boot.
  void grow() const {
    const auto reply =
        running_->agent.call("guest-exec", {{"path", instant::kGuestProgram}, {"arg", json::array{"grow"}}});
    if (reply.error) context_.warn(fmt::format("the file system is not grown: {}", reply.error->description));
  }

  Core& core_;
  Vmid vmid_;
  const Section& values_;
  Record record_;
  TaskContext& context_;
  qemu::Drive drive_;
  storage::StoragePtr storage_;
  wire::VolumeId volume_;
  Bytes size_{};
  RunningVmPtr running_;
  std::chrono::steady_clock::time_point begin_;
};

/// Why a machine that could be resumed must not be; empty: it may.
std::string refusal(const Core& core, const Record& record, const Section& values) {
  if (!instant::is_wanted(core.records.setting(), values.get("description")))
    return "the node's setting and the machine's description do not ask for it any more";
  if (auto why = instant::obstacle(values); !why.empty()) return why;
  if (instant::system_disk(values).volume != record.volume)
    return "its disk is another one than that of its clone";
  return {};
}

bool has_disk_of(const Record& record, const Section& values) {
  for (const auto& drive : qemu::drives_of(values))
    if (drive.volume == record.volume) return true;
  return false;
}

/// A start that a kill or an error cut off: the disk begins anew unless the machine was itself already.
void recover(Core& core, const VmLock& lock, const Section& values, Record record, TaskContext& context) {
  context.log(fmt::format("the last start was cut off ({}): booting", to_string(record.stage)));
  if (record.stage == Stage::resuming && has_disk_of(record, values)) {
    const auto [on, volume] = core.parts.storages.resolve(record.volume);
    const auto wanted = wire::parse_size(instant::system_disk(values).options.get_or("size", "0"));
    const auto size =
        std::max(storage::image_size(record.base, record.base_format), wanted.value_or(Bytes{}));
    on->renew_over(volume, {record.base, record.base_format}, size);
  }
  settle(core, lock.vmid(), std::move(record));
}

/// False: it is to be booted.
bool resume(Core& core, const VmLock& lock, const Section& values, const Record& record,
            TaskContext& context) {
  Resumption resumption(core, lock, values, record, context);
  std::string problem;
  bool begun = false;
  try {
    const auto copy = resumption.prepare();
    begun = true;
    resumption.run(copy);
    return true;
  } catch (const Error& error) {
    problem = error.what();
  }
  const bool interrupted = context.stop_token().stop_requested();
  if (begun) resumption.start_over(interrupted ? Stage::fresh : Stage::settled);
  if (interrupted) throw Error(Errc::interrupted, "received interrupt");
  if (!begun) resumption.leave();
  context.log(fmt::format("cannot be resumed: {}; booting", problem));
  return false;
}

}  // namespace

bool resume_instant(Core& core, const VmLock& lock, const Section& values, TaskContext& context) {
  const auto record = core.records.find(lock.vmid());
  if (!record || record->stage == Stage::settled) return false;
  if (record->stage == Stage::growing) {  // it ended before it had all its memory; this start gives it that
    settle(core, lock.vmid(), *record);
    return false;
  }
  if (record->stage != Stage::fresh) {
    recover(core, lock, values, *record, context);
    return false;
  }
  if (const auto why = refusal(core, *record, values); !why.empty()) {
    context.log(fmt::format("cannot be resumed: {}; booting", why));
    settle(core, lock.vmid(), *record);
    return false;
  }
  return resume(core, lock, values, *record, context);
}

}  // namespace hlid::node::vm
