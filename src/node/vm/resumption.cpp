#include "node/vm/resumption.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "guest/warm_values.h"
#include "node/instant/transfer.h"
#include "node/vm/disks.h"
#include "node/vm/guest_program.h"
#include "node/vm/instant.h"
#include "node/vm/power.h"
#include "sys/files.h"

namespace hlid::node::vm {
namespace {

using instant::Stage;
using std::chrono::milliseconds;

/// What a process has used of the host's processors: proc_pid_stat(5), utime and stime, the 12th and 13th
/// field after the name, which is the only one that may have blanks in it.
milliseconds processor_time(pid_t pid) {
  constexpr std::size_t kUser = 12, kSystem = 13;
  const auto text = sys::read_file_if_exists("/proc/" + std::to_string(pid) + "/stat").value_or("");
  const auto fields = split(std::string_view(text).substr(std::min(text.size(), text.rfind(')') + 1)), ' ');
  if (fields.size() <= kSystem) return {};
  const auto ticks = std::atoll(fields[kUser].c_str()) + std::atoll(fields[kSystem].c_str());
  return milliseconds(ticks * 1000 / ::sysconf(_SC_CLK_TCK));
}

}  // namespace

Resumption::Resumption(Core& core, const VmLock& lock, const Section& values, instant::Record record,
                       TaskContext& context)
    : core_(core),
      vmid_(lock.vmid()),
      values_(values),
      record_(std::move(record)),
      context_(context),
      drive_(instant::system_disk(values)) {
  std::tie(storage_, volume_) = core.parts.storages.resolve(drive_.volume);
  size_ = storage_->info(volume_).size;
}

instant::WarmCopy Resumption::prepare() {
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

void Resumption::run(const instant::WarmCopy& copy) {
  begin_ = core_.parts.clock.now();
  Arrivals::One becoming(core_.becoming);
  Arrivals::One opening(core_.opening);
  enter(Stage::resuming);
  storage_->renew_over(volume_, {copy.disk(), "qcow2"}, copy.size);
  start_qemu(copy);
  go_on(copy);
  tell("is resumed from the warm copy");
  take_identity(copy);
  tell("is itself");
  becoming.arrive(context_.stop_token());
  let_people_in();
  tell("lets people in");
  opening.arrive(context_.stop_token());
  serve();
  tell("serves");
  if (size_ > copy.size) grow();
  enter(Stage::growing);
  core_.wake_upkeep();
}

void Resumption::start_over(Stage stage) {
  if (const auto left = core_.runtime.find(vmid_)) kill_qemu(core_, left);
  if (record_.stage != Stage::resuming) return leave();
  storage_->renew_over(volume_, {record_.base, record_.base_format}, size_);
  enter(stage);
  if (stage == Stage::settled) leave();
}

void Resumption::leave() {
  settle(core_, vmid_, record_);
}

void Resumption::enter(Stage stage) {
  record_.stage = stage;
  core_.records.write(vmid_, record_);
}

void Resumption::start_qemu(const instant::WarmCopy& copy) {
  const auto taps = taps_of(vmid_, values_);
  if (!taps.empty()) core_.parts.network.add_taps(taps);
  const auto command = instant::resumed_command(vmid_, values_, core_.parts.facts, places_of(core_, values_),
                                                copy.memory().string());
  launch(core_, vmid_, command, !taps.empty(), context_);
  running_ = core_.runtime.attach(vmid_, true);
}

void Resumption::go_on(const instant::WarmCopy& copy) const {
  const auto qmp = running_->qmp();
  instant::load_state(*qmp, core_.parts.clock, core_.runtime.file(vmid_, "mig"), copy.state());
  if (size_ > copy.size)
    qmp->execute("block_resize", {{"device", "drive-" + drive_.key}, {"size", size_.count}});
  adjust_running(running_, values_);
  qmp->execute("cont");
}

void Resumption::take_identity(const instant::WarmCopy& copy) const {
  report(vm::take_identity(core_, *running_, copy.waiting(), context_.stop_token()));
  running_->hidden = false;
}

/// The record comes after: a machine in which the copy's SSH server may still run must not go on.
void Resumption::let_people_in() {
  report(vm::let_people_in(core_, *running_, context_.stop_token()));
  enter(Stage::serving);
}

/// Takes a service manager seconds when machines are emulated: after all that come at the same time can be
/// reached.
void Resumption::serve() {
  const Turns::Turn turn(core_.serving, context_.stop_token());
  report(start_services(core_, *running_, context_.stop_token()));
}

/// Seconds of work for the guest, for which nobody has to wait.
void Resumption::grow() const {
  if (const auto why = grow_file_system(*running_); !why.empty())
    context_.warn(fmt::format("the file system is not grown: {}", why));
}

void Resumption::tell(const char* what) const {
  const auto took = std::chrono::duration_cast<milliseconds>(core_.parts.clock.now() - begin_);
  context_.log(fmt::format("instant: VM {} {} after {} ms ({} ms of processor)", vmid_.value, what,
                           took.count(), processor_time(running_->process.pid).count()));
}

void Resumption::report(const std::string& told) const {
  if (!told.empty()) context_.log("instant: inside: " + replace_all(std::string(trim(told)), "\n", ", "));
}

}  // namespace hlid::node::vm
