// What GET calls show of machines.
#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "base/text.h"
#include "node/qemu/command_line.h"
#include "node/vm/config_rules.h"
#include "node/vm/disks.h"
#include "wire/api_error.h"
#include "wire/size.h"
#include "wire/vm_keys.h"

namespace hlid::node::vm {
namespace {

constexpr const char* kHidden = "**********";
constexpr std::int64_t kMib = 1 << 20;

std::string name_of(const config::StoredVm& vm) {
  return vm.config.get("name", "VM " + to_string(vm.vmid));
}

std::int64_t memory_of(const Section& values) {
  const auto options = wire::PropertyString::parse(values.get("memory", "512"), "current");
  return std::atoll(options.get_or("current", "512").c_str()) * kMib;
}

/// The size of the disk that it boots from, as the config says.
std::int64_t disk_of(const Section& values) {
  for (const auto& device : qemu::boot_order(values)) {
    const auto* value = values.find(device);
    if (value == nullptr || !qemu::is_disk_key(device)) continue;
    const auto drive = qemu::parse_drive(device, *value);
    if (drive.is_cdrom()) continue;
    const auto size = wire::parse_size(drive.options.get_or("size", "0"));
    return size ? size->count : 0;
  }
  return 0;
}

bool has_agent(const Section& values) {
  return wire::PropertyString::parse(values.get("agent"), "enabled").get_bool("enabled", false);
}

/// Numbers of a running machine; zero for others.
struct Usage {
  std::int64_t uptime = 0;
  std::int64_t memory = 0;
  double cpu = 0;
};

Usage usage_of(const RunningVmPtr& vm, int vcpus) {
  if (vm == nullptr) return {};
  Usage usage{process_uptime(vm->process), process_memory(vm->process.pid), 0};
  if (usage.uptime > 0) {
    // The mean since its start: a rate would need somebody who samples while nobody asks.
    usage.cpu = process_cpu_seconds(vm->process.pid) / static_cast<double>(usage.uptime) / std::max(1, vcpus);
  }
  return usage;
}

const char* status_of(const RunningVmPtr& vm) {
  return vm != nullptr ? "running" : "stopped";
}
const char* qmp_status_of(const RunningVmPtr& vm) {
  if (vm == nullptr) return "stopped";
  return vm->paused ? "paused" : "running";
}

/// What went through the machine's taps; adds each card to `nics` when that is given.
network::Traffic traffic_of(const Core& core, const config::StoredVm& vm, json::object* nics = nullptr) {
  network::Traffic sum;
  const auto taps = core.parts.network.traffic();
  for (const auto& card : qemu::nets_of(vm.config.main)) {
    const std::string name = qemu::tap_name(vm.vmid.value, card.index);
    const auto at = taps.find(name);
    if (card.bridge.empty() || (at == taps.end() && nics == nullptr)) continue;
    const network::Traffic one = at != taps.end() ? at->second : network::Traffic{};
    sum.received += one.received;
    sum.sent += one.sent;
    if (nics != nullptr) (*nics)[name] = json::object{{"netin", one.received}, {"netout", one.sent}};
  }
  return sum;
}

/// The members that every kind of row has.
json::object common_row(const Core& core, const config::StoredVm& vm, const RunningVmPtr& running) {
  const Section& values = vm.config.main;
  const Usage usage = usage_of(running, qemu::vcpu_count(values));
  json::object row{{"vmid", vm.vmid.value},
                   {"name", name_of(vm)},
                   {"status", status_of(running)},
                   {"uptime", usage.uptime},
                   {"mem", usage.memory},
                   {"maxmem", memory_of(values)},
                   {"disk", 0},
                   {"maxdisk", disk_of(values)},
                   {"cpu", usage.cpu},
                   {"netin", 0},
                   {"netout", 0}};
  if (running != nullptr) {
    const network::Traffic traffic = traffic_of(core, vm);
    row["netin"] = traffic.received;
    row["netout"] = traffic.sent;
  }
  if (const auto* tags = values.find("tags"); tags != nullptr && !trim(*tags).empty()) row["tags"] = *tags;
  if (const auto* lock = values.find("lock")) row["lock"] = *lock;
  return row;
}

json::object row_of(const Core& core, const config::StoredVm& vm, const RunningVmPtr& running) {
  const Section& values = vm.config.main;
  json::object row = common_row(core, vm, running);
  row["cpus"] = qemu::vcpu_count(values);
  if (is_template(values)) row["template"] = 1;
  if (values.contains("serial0")) row["serial"] = 1;
  if (const long long balloon = std::atoll(values.get("balloon", "0").c_str()); balloon > 0) {
    row["balloon_min"] = balloon * kMib;
    row["shares"] = std::atoll(values.get("shares", "1000").c_str());
  }
  if (running != nullptr) row["pid"] = running->process.pid;
  return row;
}

/// What only its monitor can tell; left out when it does not answer in time.
void add_monitor_facts(json::object& row, const RunningVm& vm) {
  constexpr std::chrono::milliseconds kShort{2000};
  const auto qmp = vm.qmp();
  row["running-qemu"] = qmp->version();
  const json::value machine = qmp->execute("qom-get", {{"path", "/machine"}, {"property", "type"}}, kShort);
  row["running-machine"] = replace_all(std::string(machine.as_string()), "-machine", "");
  const json::value stats = qmp->execute("query-blockstats", {}, kShort);
  json::object by_drive;
  std::int64_t read = 0;
  std::int64_t written = 0;
  for (const auto& one : stats.as_array()) {
    std::string device = get_string(one.as_object(), "device").value_or("");
    if (device.empty()) device = get_string(one.as_object(), "node-name").value_or("");  // a plugged drive
    const auto* numbers = one.as_object().if_contains("stats");
    if (device.rfind("drive-", 0) != 0 || numbers == nullptr) continue;
    read += get_integer(numbers->as_object(), "rd_bytes").value_or(0);
    written += get_integer(numbers->as_object(), "wr_bytes").value_or(0);
    by_drive[device.substr(6)] = *numbers;
  }
  row["blockstat"] = std::move(by_drive);
  row["diskread"] = read;
  row["diskwrite"] = written;
}

/// Values as GET config shows them.
json::value shown(std::string_view key, const std::string& value) {
  return key == "cipassword" ? json::value(kHidden) : typed_value(key, value);
}

}  // namespace

json::object Machines::list_row(Vmid vmid, bool full) const {
  const auto vm = core_->configs().require(vmid);
  const auto running = core_->runtime.find(vmid);
  json::object row = row_of(*core_, *vm, running);
  if (full) row["qmpstatus"] = qmp_status_of(running);
  return row;
}

json::object Machines::resource_row(Vmid vmid) const {
  const auto vm = core_->configs().require(vmid);
  const auto running = core_->runtime.find(vmid);
  json::object row = common_row(*core_, *vm, running);
  row["id"] = "qemu/" + to_string(vmid);
  row["type"] = "qemu";
  row["node"] = core_->parts.node;
  row["template"] = is_template(vm->config.main) ? 1 : 0;
  row["maxcpu"] = qemu::vcpu_count(vm->config.main);
  row["diskread"] = 0;
  row["diskwrite"] = 0;
  return row;
}

json::object Machines::current(Vmid vmid) const {
  const auto vm = core_->configs().require(vmid);
  const auto running = core_->runtime.find(vmid);
  json::object row = row_of(*core_, *vm, running);
  row["qmpstatus"] = qmp_status_of(running);
  row["ha"] = json::object{{"managed", 0}};
  if (has_agent(vm->config.main)) row["agent"] = 1;
  if (running == nullptr) return row;
  row["diskread"] = 0;
  row["diskwrite"] = 0;
  json::object nics;
  traffic_of(*core_, *vm, &nics);
  row["nics"] = std::move(nics);
  try {
    add_monitor_facts(row, *running);
  } catch (const Error&) {  // it is ending, or stuck; the rest is still true
  }
  return row;
}

json::object Machines::config(Vmid vmid, bool current_only, const std::string& snapshot) const {
  const auto vm = core_->configs().require(vmid);
  Section values = vm->config.main;
  if (!snapshot.empty()) {
    const auto* found = vm->config.find_snapshot(snapshot);
    if (found == nullptr) throw wire::failure(fmt::format("snapshot '{}' does not exist", snapshot));
    values = *found;
  } else if (!current_only) {
    for (const auto& deletion : vm->config.deletions) values.erase(deletion.key);
    for (const auto& [key, value] : vm->config.pending) values.set(key, value);
  }
  json::object out;
  for (const auto& [key, value] : values) out[key] = shown(key, value);
  out["digest"] = vm->digest;
  return out;
}

json::array Machines::pending(Vmid vmid) const {
  const auto vm = core_->configs().require(vmid);
  const VmConfig& config = vm->config;
  json::array rows;
  for (const auto& [key, value] : config.main) {
    json::object row{{"key", key}, {"value", shown(key, value)}};
    if (const auto* waiting = config.pending.find(key)) row["pending"] = shown(key, *waiting);
    if (const auto* deletion = config.deletion(key)) row["delete"] = deletion->force ? 2 : 1;
    rows.push_back(std::move(row));
  }
  for (const auto& [key, value] : config.pending) {
    if (!config.main.contains(key))
      rows.push_back(json::object{{"key", key}, {"pending", shown(key, value)}});
  }
  rows.push_back(json::object{{"key", "digest"}, {"value", vm->digest}});
  return rows;
}

json::array Machines::cloudinit_pending(Vmid vmid) const {
  const auto vm = core_->configs().require(vmid);
  const Section none;
  const Section* recorded = vm->config.find_special("cloudinit");
  const Section& made_with = recorded != nullptr ? *recorded : none;
  const auto added = split_list(made_with.get("added"), ",");
  json::array rows;
  for (const char* key :
       {"cicustom", "cipassword", "citype", "ciuser", "nameserver", "searchdomain", "sshkeys"}) {
    const auto* now = vm->config.find(key);
    const auto* then = made_with.find(key);
    const bool is_new = std::find(added.begin(), added.end(), key) != added.end();
    if (now == nullptr && then == nullptr) continue;
    json::object row{{"key", key}};
    if (!is_new) row["value"] = shown(key, then != nullptr ? *then : *now);
    if (now == nullptr) {
      row["delete"] = 1;
    } else if (is_new || then != nullptr) {
      row["pending"] = shown(key, *now);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string Machines::cloudinit_dump(Vmid vmid, std::string_view type) const {
  const auto vm = core_->configs().require(vmid);
  Section values = vm->config.main;
  for (const auto& [key, value] : vm->config.pending) values.set(key, value);
  return cloudinit_file(vmid, values, core_->dns(), type);
}

}  // namespace hlid::node::vm
