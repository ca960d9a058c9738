// -cpu, -smp, -m and memory backends.
#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "base/text.h"
#include "node/qemu/arguments.h"
#include "wire/api_error.h"

namespace hlid::node::qemu {
namespace {

using Flags = std::map<std::string, std::string,
                       std::less<>>;  // name -> how it is written: "+aes", "enforce", "hv_x=1"

struct Level {
  std::string_view name;
  std::string_view flags;
};
// The x86-64 psABI levels are qemu64 with what it lacks of them.
constexpr std::string_view kV2 = "pni popcnt sse4.1 sse4.2 ssse3";
constexpr std::string_view kV2Aes = "aes pni popcnt sse4.1 sse4.2 ssse3";
constexpr std::string_view kV3 =
    "abm aes avx avx2 bmi1 bmi2 f16c fma movbe pni popcnt sse4.1 sse4.2 ssse3 xsave";
constexpr std::string_view kV4 =
    "abm aes avx avx2 avx512bw avx512cd avx512dq avx512f avx512vl bmi1 bmi2 f16c fma movbe pni popcnt sse4.1 "
    "sse4.2 "
    "ssse3 xsave";
constexpr std::array kLevels = {Level{"x86-64-v2", kV2}, Level{"x86-64-v2-AES", kV2Aes},
                                Level{"x86-64-v3", kV3}, Level{"x86-64-v4", kV4}};

void add_level(std::string& model, Flags& flags) {
  for (const auto& level : kLevels) {
    if (level.name != model) continue;
    for (const auto& flag : split_list(level.flags, " ")) flags[flag] = "+" + flag;
    model = "qemu64";
    return;
  }
}

void add_windows_enlightenments(Flags& flags) {
  for (const std::string_view flag : {"hv_ipi", "hv_relaxed", "hv_reset", "hv_runtime", "hv_stimer",
                                      "hv_synic", "hv_time", "hv_vapic", "hv_vpindex"}) {
    flags[std::string(flag)] = flag;
  }
  flags["hv_spinlocks"] = "hv_spinlocks=0x1fff";
}

void add_own_flags(Flags& flags, const std::string& list) {
  for (const auto& flag : split_list(list, "; ")) {
    if (flag.size() < 2 || (flag[0] != '+' && flag[0] != '-')) {
      throw wire::failure(fmt::format("invalid CPU flag '{}': it must begin with + or -", flag));
    }
    flags[flag.substr(1)] = flag;
  }
}

/// "0-1"
std::string cpu_range(int first, int count) {
  return count == 1 ? std::to_string(first) : fmt::format("{}-{}", first, first + count - 1);
}

struct Topology {
  int sockets;
  int cores;
  int maximum() const { return sockets * cores; }
};
Topology topology(const Build& build) {
  const auto sockets = build.number("sockets", 1);
  const auto cores = build.number("cores", 1);
  if (sockets < 1 || cores < 1 || sockets * cores > 1024) {
    throw wire::failure(fmt::format("{} sockets with {} cores cannot be run", sockets, cores));
  }
  return {static_cast<int>(sockets), static_cast<int>(cores)};
}

bool hotplugs(const Build& build, std::string_view what) {
  const auto list = split_list(build.values.get("hotplug", "network,disk,usb"), ",; ");
  return std::find(list.begin(), list.end(), what) != list.end();
}

// Memory hotplug as Proxmox lays it out: 1 GiB fixed for each node, the rest in DIMMs, 512 MiB first and
// twice as large after each 32 of them.
constexpr long long kStaticMib = 1024;
constexpr int kDimmsOfOneSize = 32;

void add_dimms(Build& build, long long mib, int sockets) {
  long long have = kStaticMib;
  long long size = 512;
  for (int i = 0; have < mib; ++i) {
    if (i > 0 && i % kDimmsOfOneSize == 0) size *= 2;
    build.add("-object", fmt::format("memory-backend-ram,id=mem-dimm{},size={}M", i, size));
    build.add("-device", fmt::format("pc-dimm,id=dimm{},memdev=mem-dimm{},node={}", i, i, i % sockets));
    have += size;
  }
}

/// The kernel refuses a single mapping that it could never fill, unless told that nothing is to be set aside
/// for it. Half of the host is well below what it refuses.
std::string reservation(const Build& build) {
  return unreserved_memory(build) ? ",reserve=off" : "";
}

void add_nodes(Build& build, long long mib) {
  const Topology cpus = topology(build);
  for (int node = 0; node < cpus.sockets; ++node) {
    build.add("-object", fmt::format("memory-backend-ram,id=ram-node{},size={}M{}", node, mib / cpus.sockets,
                                     reservation(build)));
    build.add("-numa", fmt::format("node,nodeid={},cpus={},memdev=ram-node{}", node,
                                   cpu_range(node * cpus.cores, cpus.cores), node));
  }
}

}  // namespace

std::string cpu_argument(const Build& build) {
  const std::string* value = build.values.find("cpu");
  const auto options = wire::PropertyString::parse(value != nullptr ? *value : "", "cputype");
  std::string model = options.get_or("cputype", build.tcg ? "qemu64" : "kvm64");
  Flags flags;
  if (model == "kvm64" && !build.tcg) flags = {{"lahf_lm", "+lahf_lm"}, {"sep", "+sep"}};
  if (build.tcg && model == "host") model = "max";
  add_level(model, flags);
  if (!build.tcg) {
    if (model != "host") flags["enforce"] = "enforce";
    flags["kvm_pv_eoi"] = "+kvm_pv_eoi";
    flags["kvm_pv_unhalt"] = "+kvm_pv_unhalt";
    if (build.windows) add_windows_enlightenments(flags);
  }
  add_own_flags(flags, options.get_or("flags", ""));
  std::string argument = model;
  for (const auto& [name, text] : flags) argument += "," + text;
  return argument;
}

int vcpu_count(const config::Section& values) {
  const auto number = [&values](std::string_view key, int fallback) {
    const std::string* text = values.find(key);
    return text != nullptr ? std::max(1, std::atoi(text->c_str())) : fallback;
  };
  return number("vcpus", number("sockets", 1) * number("cores", 1));
}

void add_processors(Build& build) {
  const Topology cpus = topology(build);
  const auto started = build.number("vcpus", cpus.maximum());
  if (started < 1 || started > cpus.maximum()) {
    throw wire::failure(fmt::format("MAX {} vcpus allowed per VM on this node", cpus.maximum()));
  }
  build.add("-smp", fmt::format("{},sockets={},cores={},maxcpus={}", started, cpus.sockets, cpus.cores,
                                cpus.maximum()));
}

long long memory_mib(const config::Section& values) {
  const auto options = wire::PropertyString::parse(values.get("memory", "512"), "current");
  const std::string text = options.get_or("current", "512");
  const long long mib = std::atoll(text.c_str());
  if (mib < 16 || text.find_first_not_of("0123456789") != std::string::npos) {
    throw wire::failure(fmt::format("memory: '{}' is not a number of MiB", text));
  }
  return mib;
}

bool unreserved_memory(const Build& build) {
  return build.facts.memory_mib > 0 && memory_mib(build.values) > build.facts.memory_mib / 2;
}

void add_memory(Build& build) {
  const long long mib = memory_mib(build.values);
  const bool numa = build.flag("numa", false);
  const bool hotplug = hotplugs(build, "memory");
  if (hotplug && !numa) throw wire::failure("NUMA needs to be enabled for memory hotplug");
  if (hotplug && mib <= kStaticMib) {
    throw wire::failure(fmt::format("minimum memory must be {}MB", kStaticMib));
  }
  build.add("-m",
            hotplug ? fmt::format("size={},slots=255,maxmem=524288M", kStaticMib) : std::to_string(mib));
  if (!numa) {
    if (unreserved_memory(build)) {
      build.add("-object", fmt::format("memory-backend-ram,id=ram,size={}M,reserve=off", mib));
    }
    return;
  }
  add_nodes(build, hotplug ? kStaticMib : mib);
  if (hotplug) add_dimms(build, mib, topology(build).sockets);
}

}  // namespace hlid::node::qemu
