#include "node/vm/core.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

#include "base/ip.h"
#include "base/log.h"
#include "node/vm/instant.h"
#include "sys/files.h"
#include "wire/api_error.h"

namespace hlid::node::vm {

namespace {

/// A service manager that starts services keeps two emulated processors busy.
int turns_of_host() {
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency() / 2));
}

}  // namespace

Core::Core(Parts given)
    : parts(std::move(given)),
      runtime(parts.run_folder, [this](Vmid vmid, bool crashed) { on_end(vmid, crashed); }),
      records(parts.run_folder.parent_path() / "etc" / "instant"),
      warm({parts.run_folder.parent_path() / "warm", parts.run_folder}, parts.facts, parts.processes,
           parts.clock),
      serving(turns_of_host()) {}

void Core::on_end(Vmid vmid, bool /*crashed*/) const {
  try {
    parts.network.remove_taps(vmid);
  } catch (const Error& error) {
    log::warn("machine {}: its taps are still there: {}", vmid.value, error.what());
  }
}

wire::Upid Core::task(const char* type, Vmid vmid, const Caller& caller, task::Work work) const {
  return parts.tasks.start(type, to_string(vmid), caller.user, std::move(work));
}

wire::Upid Core::locked_task(const char* type, Vmid vmid, const Caller& caller,
                             std::function<void(const VmLock&, TaskContext&)> work) const {
  // Shared because a task's work must be copyable; only the one copy that runs takes it.
  auto early = std::make_shared<VmLock>(configs().try_lock(vmid));
  return task(type, vmid, caller, [this, vmid, early, work = std::move(work)](TaskContext& context) {
    const VmLock held = *early ? std::move(*early) : lock(vmid, context);
    work(held, context);
  });
}

VmLock Core::lock(Vmid vmid, TaskContext& context) const {
  bool waited = false;
  auto lock = configs().lock(vmid, context.stop_token(), [&] {
    waited = true;
    context.log("trying to acquire lock...");
  });
  if (waited) context.log(" OK");
  return lock;
}

void Core::begin_upkeep() {
  static constexpr std::chrono::seconds kPause{20};
  static constexpr std::chrono::seconds kSoon{10};  // a machine that has just come has its network to set up
  upkeep_ = std::jthread([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      complete_instant(*this);
      detach_disks(*this);
      std::unique_lock guard(upkeep_mutex_);
      if (!upkeep_woken_.wait_for(guard, stop, kPause, [this] { return upkeep_wanted_; })) continue;
      // While more of them come, they have the processors.
      while (std::exchange(upkeep_wanted_, false)) {
        guard.unlock();
        if (!parts.clock.sleep(kSoon, stop)) return;
        guard.lock();
      }
    }
  });
}

void Core::wake_upkeep() {
  const std::lock_guard guard(upkeep_mutex_);
  upkeep_wanted_ = true;
  upkeep_woken_.notify_all();
}

HostDns Core::dns() const {
  return parse_resolv_conf(sys::read_file_if_exists("/etc/resolv.conf", 1U << 16).value_or(""));
}

void Core::publish_hosts() const {
  std::vector<network::Host> hosts;
  for (const auto& vm : configs().all()) {
    const Section& values = vm->config.main;
    if (is_template(values)) continue;
    try {
      for (const auto& card : qemu::nets_of(values)) {
        const auto ip = parse_ipconfig(values.get("ipconfig" + std::to_string(card.index)));
        const auto address = parse_cidr(ip.ip);
        hosts.push_back({values.get("name", "vm" + to_string(vm->vmid)), values.get("searchdomain"), card.mac,
                         address ? std::optional(address->address) : std::nullopt});
        break;  // the first card is the one that has the name
      }
    } catch (const Error& error) {
      log::debug("machine {} gets no name: {}", vm->vmid.value, error.what());
    }
  }
  try {
    parts.network.set_hosts(hosts);
  } catch (const Error& error) {
    log::warn("the machines' names are not served: {}", error.what());
  }
}

RunningVmPtr Core::require_running(Vmid vmid) const {
  configs().require(vmid);
  if (auto vm = runtime.find(vmid)) return vm;
  throw wire::failure(fmt::format("VM {} not running", vmid.value));
}

void check_unlocked(const Section& values) {
  if (const auto* lock = values.find("lock")) throw wire::failure(fmt::format("VM is locked ({})", *lock));
}

bool is_template(const Section& values) {
  return values.get("template") == "1";
}

bool flag(const Params& params, std::string_view key, bool fallback) {
  const auto at = params.find(key);
  return at == params.end() ? fallback : at->second == "1";
}

long long number(const Params& params, std::string_view key, long long fallback) {
  const auto at = params.find(key);
  return at == params.end() ? fallback : std::atoll(at->second.c_str());
}

std::string text(const Params& params, std::string_view key, std::string_view fallback) {
  const auto at = params.find(key);
  return at == params.end() ? std::string(fallback) : at->second;
}

void check_digest(const Params& params, const config::StoredVm& vm) {
  const auto at = params.find("digest");
  if (at != params.end() && !at->second.empty() && at->second != vm.digest) {
    throw wire::failure("checksum mismatch (file change by other user?)");
  }
}

void as_api_error(const std::function<void()>& work) {
  try {
    work();
  } catch (const wire::ApiError&) {
    throw;
  } catch (const Error& error) {
    throw wire::failure(error.what());
  }
}

}  // namespace hlid::node::vm
