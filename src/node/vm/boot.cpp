// All machines at once: start at boot in startup order, shutdown in the reverse one.
#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include "base/log.h"
#include "base/text.h"
#include "node/vm/power.h"
#include "wire/api_error.h"
#include "wire/property_string.h"

namespace hlid::node::vm {
namespace {

/// `startup: order=1,up=30,down=60`; machines without an order come last.
struct Startup {
  Vmid vmid;
  long long order = 1'000'000;
  long long up = 0;
  long long down = 180;
};

Startup startup_of(const config::StoredVm& vm) {
  Startup startup{vm.vmid};
  const auto options = wire::PropertyString::parse(vm.config.get("startup"), "order");
  const auto read = [&options](std::string_view key, long long fallback) {
    const auto value = options.get(key);
    return value ? std::atoll(value->c_str()) : fallback;
  };
  startup.order = read("order", startup.order);
  startup.up = read("up", startup.up);
  startup.down = read("down", startup.down);
  return startup;
}

/// The machines that `wanted` picks, in groups of one order, smaller orders first.
template <typename Wanted>
std::map<long long, std::vector<Startup>> groups(const Core& core, Wanted wanted) {
  std::map<long long, std::vector<Startup>> out;
  for (const auto& vm : core.configs().all()) {
    if (is_template(vm->config.main) || !wanted(*vm)) continue;
    const Startup startup = startup_of(*vm);
    out[startup.order].push_back(startup);
  }
  return out;
}

auto to_start(const Core& core, bool force, const std::set<std::string>& only = {}) {
  return groups(core, [&core, &only, force](const config::StoredVm& vm) {
    const bool picked = only.empty() || only.count(to_string(vm.vmid)) != 0;
    return picked && (force || vm.config.get("onboot") == "1") && !core.is_running(vm.vmid);
  });
}

/// The parameter `vms`: a list of those that are meant; empty: all.
std::set<std::string> only_of(const Params& params) {
  const auto found = params.find("vms");
  if (found == params.end()) return {};
  const auto words = split_list(found->second, ",; ");
  return {words.begin(), words.end()};
}

}  // namespace

int Machines::start_all(const Caller& caller, std::stop_token stop) {
  Core& core = *core_;
  int failed = 0;
  for (const auto& [order, group] : to_start(core, false)) {
    std::vector<wire::Upid> tasks;
    long long delay = 0;
    for (const auto& machine : group) {
      tasks.push_back(start(caller, machine.vmid, {}));
      delay = std::max(delay, machine.up);
    }
    for (const auto& task : tasks) {
      if (!core.parts.tasks.wait(task, stop)) return failed;
      if (core.parts.tasks.status(task).status != "OK") ++failed;
    }
    if (delay > 0 && !core.parts.clock.sleep(std::chrono::seconds(delay), stop)) return failed;
  }
  return failed;
}

void Machines::stop_all(const Caller& caller, std::stop_token stop) {
  Core& core = *core_;
  const auto all = groups(core, [&core](const config::StoredVm& vm) { return core.is_running(vm.vmid); });
  for (auto group = all.rbegin(); group != all.rend(); ++group) {
    std::vector<wire::Upid> tasks;
    for (const auto& machine : group->second) {
      tasks.push_back(
          shutdown(caller, machine.vmid, {{"timeout", std::to_string(machine.down)}, {"forceStop", "1"}}));
    }
    for (const auto& task : tasks) {
      if (!core.parts.tasks.wait(task, stop)) return;
    }
  }
}

wire::Upid Machines::start_all_task(const Caller& caller, const Params& params) {
  Core& core = *core_;
  const bool force = flag(params, "force");
  const auto only = only_of(params);
  return core.parts.tasks.start("startall", "", caller.user, [&core, force, only](TaskContext& context) {
    for (const auto& [order, group] : to_start(core, force, only)) {
      for (const auto& machine : group) {
        context.log(fmt::format("Starting VM {}", machine.vmid.value));
        try {
          start_machine(core, machine.vmid, {}, context);
        } catch (const Error& error) {
          context.warn(fmt::format("unable to start VM {}: {}", machine.vmid.value, error.message()));
        }
      }
    }
  });
}

wire::Upid Machines::stop_all_task(const Caller& caller, const Params& params) {
  Core& core = *core_;
  const auto only = only_of(params);
  return core.parts.tasks.start("stopall", "", caller.user, [&core, only](TaskContext& context) {
    const auto all = groups(core, [&core, &only](const config::StoredVm& vm) {
      return core.is_running(vm.vmid) && (only.empty() || only.count(to_string(vm.vmid)) != 0);
    });
    for (auto group = all.rbegin(); group != all.rend(); ++group) {
      std::vector<std::jthread> together;  // machines of one order go down side by side
      for (const auto& machine : group->second) {
        context.log(fmt::format("Stopping VM {} (timeout = {} seconds)", machine.vmid.value, machine.down));
        together.emplace_back([&core, &context, machine] {
          try {
            const VmLock lock = core.lock(machine.vmid, context);
            const auto vm = core.runtime.find(machine.vmid);
            if (vm == nullptr) return;
            if (shut_down(core, vm, std::chrono::seconds(machine.down), context) == Gone::no)
              end_qemu(core, vm, context);
          } catch (const std::exception& error) {
            context.warn(fmt::format("VM {}: {}", machine.vmid.value, error.what()));
          }
        });
      }
    }
  });
}

}  // namespace hlid::node::vm
