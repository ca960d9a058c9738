// The node itself: status, time, resolver, capabilities, all machines at once.
#include <sys/utsname.h>

#include <fmt/format.h>
#include <boost/json.hpp>

#include <ctime>

#include "base/text.h"
#include "node/auth/permissions.h"
#include "node/service/callers.h"
#include "node/service/host_status.h"
#include "node/service/resources.h"
#include "node/service/verbs.h"
#include "node/vm/machines.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "sys/hash.h"

namespace hlid::node::service {
namespace {

Answer nodes(Parts& parts, Call& call) {
  json::object row = node_row(parts);
  row["ssl_fingerprint"] = parts.fingerprint;
  if (!parts.permissions.has(call.who, "/nodes/" + parts.node, "Sys.Audit")) {
    for (const char* key : {"cpu", "maxcpu", "mem", "maxmem", "disk", "maxdisk", "uptime"}) row.erase(key);
  }
  return json::array{std::move(row)};
}

json::object kernel() {
  struct utsname name = {};
  ::uname(&name);
  return {{"sysname", static_cast<const char*>(name.sysname)},
          {"release", static_cast<const char*>(name.release)},
          {"version", static_cast<const char*>(name.version)},
          {"machine", static_cast<const char*>(name.machine)}};
}

json::object processors(const HostProcessors& cpu) {
  return {
      {"cpus", cpu.count},      {"cores", cpu.cores},
      {"sockets", cpu.sockets}, {"model", cpu.model},
      {"mhz", cpu.mhz},         {"flags", cpu.flags},
      {"user_hz", 100},         {"hvm", contains(cpu.flags, "vmx") || contains(cpu.flags, "svm") ? "1" : ""}};
}

Answer status(Parts& parts, Call&) {
  const HostSample host = parts.host->sample();
  const json::object running = kernel();
  const auto release = std::string(running.at("release").as_string());
  json::array load;
  for (const std::string& value : host.load) load.emplace_back(value);
  return json::object{
      {"uptime", host.uptime},
      {"cpu", host.cpu},
      {"wait", host.iowait},
      {"idle", 0},
      {"loadavg", std::move(load)},
      {"memory", {{"total", host.memory_total}, {"used", host.memory_used}, {"free", host.memory_free}}},
      {"swap",
       {{"total", host.swap_total}, {"used", host.swap_total - host.swap_free}, {"free", host.swap_free}}},
      {"rootfs",
       {{"total", host.disk_total},
        {"used", host.disk_total - host.disk_free},
        {"free", host.disk_free},
        {"avail", host.disk_available}}},
      {"ksm", {{"shared", 0}}},
      {"boot-info", {{"mode", "legacy-bios"}}},
      {"cpuinfo", processors(parts.host->processors())},
      {"pveversion", "pve-manager/8.4.21/hlid-node-" + parts.build},
      {"kversion", fmt::format("Linux {} {}", release, std::string(running.at("version").as_string()))},
      {"current-kernel", running}};
}

Answer time(Parts& parts, Call&) {
  const std::int64_t now = parts.clock.unix_seconds();
  const std::time_t seconds = now;
  std::tm local = {};
  ::localtime_r(&seconds, &local);
  const auto zone = sys::read_file_if_exists("/etc/timezone");
  return json::object{{"time", now},
                      {"localtime", now + local.tm_gmtoff},
                      {"timezone", zone ? std::string(trim(*zone)) : std::string("Etc/UTC")}};
}

Answer dns(Parts&, Call&) {
  json::object result;
  int servers = 0;
  for (const std::string& line : split(sys::read_file_if_exists("/etc/resolv.conf").value_or(""), '\n')) {
    const auto words = split_list(line, " \t");
    if (words.size() < 2) continue;
    if (words[0] == "nameserver" && servers < 3) result[fmt::format("dns{}", ++servers)] = words[1];
    if (words[0] == "search") result["search"] = words[1];
  }
  return result;
}

Answer subscription(Parts& parts, Call&) {
  return json::object{{"status", "notfound"},
                      {"message", "There is no subscription key"},
                      {"url", "https://www.proxmox.com/en/proxmox-virtual-environment/pricing"},
                      {"serverid", to_upper(sys::sha256_hex(parts.fingerprint).substr(0, 32))}};
}

/// Points in time without values: the node keeps no history.
Answer no_history(Parts& parts, Call&) {
  constexpr int kPoints = 70;
  constexpr int kStep = 60;
  json::array points;
  const std::int64_t end = parts.clock.unix_seconds() / kStep * kStep;
  for (int i = kPoints - 1; i >= 0; --i)
    points.push_back(json::object{{"time", end - std::int64_t{i} * kStep}});
  return points;
}

Answer container(Parts& parts, Call& call) {
  throw wire::failure(fmt::format("Configuration file 'nodes/{}/lxc/{}.conf' does not exist", parts.node,
                                  call.params.get_or("vmid", "")));
}

/// Of the node's own settings there is one that the real Proxmox does not know.
Answer config(Parts& parts, Call&) {
  // As Proxmox VE: what is as usual ("marked") is not listed.
  const auto setting = parts.machines.instant_setting();
  return setting == "marked" ? json::object() : json::object{{"instant", setting}};
}

Answer set_config(Parts& parts, Call& call) {
  if (const auto setting = call.params.get("instant")) parts.machines.set_instant_setting(*setting);
  return nullptr;
}

Answer start_all(Parts& parts, Call& call) {
  return to_string(parts.machines.start_all_task(caller_of(call.who), machine_params(call.params)));
}

Answer stop_all(Parts& parts, Call& call) {
  return to_string(parts.machines.stop_all_task(caller_of(call.who), machine_params(call.params)));
}

}  // namespace

std::vector<Verb> node_verbs() {
  return {
      {"GET", "/nodes", Pace::quick, for_users(), nodes},
      {"GET", "/nodes/{node}/status", Pace::quick, all_of("/nodes/{node}", {"Sys.Audit"}), status},
      {"GET", "/nodes/{node}/config", Pace::quick, all_of("/", {"Sys.Audit"}), config},
      {"PUT", "/nodes/{node}/config", Pace::quick, all_of("/nodes/{node}", {"Sys.Modify"}), set_config},
      {"GET", "/nodes/{node}/time", Pace::quick, all_of("/nodes/{node}", {"Sys.Audit"}), time},
      {"GET", "/nodes/{node}/dns", Pace::quick, all_of("/nodes/{node}", {"Sys.Audit"}), dns},
      {"GET", "/nodes/{node}/subscription", Pace::quick, for_users(), subscription},
      {"GET", "/nodes/{node}/rrddata", Pace::quick, all_of("/nodes/{node}", {"Sys.Audit"}), no_history},
      {"GET", "/nodes/{node}/qemu/{vmid}/rrddata", Pace::quick, all_of("/vms/{vmid}", {"VM.Audit"}),
       no_history},
      {"GET", "/nodes/{node}/lxc/{vmid}/config", Pace::quick, all_of("/vms/{vmid}", {"VM.Audit"}), container},
      {"POST", "/nodes/{node}/startall", Pace::work, all_of("/", {"VM.PowerMgmt"}), start_all},
      {"POST", "/nodes/{node}/stopall", Pace::work, all_of("/", {"VM.PowerMgmt"}), stop_all},
  };
}

}  // namespace hlid::node::service
