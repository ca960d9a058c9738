#include "node/qemu/command_line.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "node/qemu/arguments.h"
#include "wire/api_error.h"
#include "wire/vm_keys.h"

namespace hlid::node::qemu {
namespace {

/// A comma in a value of QEMU's own option syntax is doubled.
std::string escape(std::string_view value) {
  return replace_all(std::string(value), ",", ",,");
}

void refuse_what_we_cannot(const Build& build) {
  for (const auto& [key, value] : build.values) {
    const auto indexed = wire::split_key(key);
    if (indexed && indexed->kind == "hostpci")
      throw wire::failure("PCI passthrough is not supported by this node");
    if (indexed && indexed->kind == "numa") {
      throw wire::failure(fmt::format("{}: NUMA topologies are not supported by this node", key));
    }
    if (indexed && indexed->kind == "usb" && !contains(value, "spice")) {
      throw wire::failure("USB passthrough is not supported by this node");
    }
    if (key == "ivshmem") throw wire::failure("ivshmem is not supported by this node");
  }
  if (const auto arch = build.values.get("arch", "x86_64"); arch != "x86_64") {
    throw wire::failure(fmt::format("no support for architecture '{}' on this node", arch));
  }
}

void add_identity(Build& build) {
  const std::string name = build.values.get("name", "vm" + to_string(build.vmid));
  build.add("-name", escape(name) + ",debug-threads=on");
  build.add("-chardev", "socket,id=qmp,path=" + build.socket("qmp") + ",server=on,wait=off");
  build.add("-mon", "chardev=qmp,mode=control");
  build.add("-pidfile", build.socket("pid"));
  build.add("-daemonize");
}

void add_smbios(Build& build) {
  const std::string* value = build.values.find("smbios1");
  if (value == nullptr) return;
  const auto options = wire::PropertyString::parse(*value, "uuid");
  const bool encoded = options.get_bool("base64", false);
  std::string argument = "type=1";
  for (const std::string_view key :
       {"uuid", "version", "serial", "manufacturer", "product", "sku", "family"}) {
    const auto text = options.get(key);
    if (!text) continue;
    std::string plain = *text;
    if (encoded && key != "uuid") {
      try {
        plain = base64_decode(*text);
      } catch (const Error&) {
        throw wire::failure(fmt::format("smbios1: '{}' is not base64", key));
      }
    }
    argument += fmt::format(",{}={}", key, escape(plain));
  }
  build.add("-smbios", argument);
}

void add_machine(Build& build) {
  const auto options = wire::PropertyString::parse(build.values.get("machine", "pc"), "type");
  const std::string type = options.get_or("type", "pc");
  const bool known =
      type == "pc" || type == "q35" || type.rfind("pc-i440fx-", 0) == 0 || type.rfind("pc-q35-", 0) == 0;
  if (!known) throw wire::failure(fmt::format("unknown machine type '{}'", type));
  std::vector<std::string> flags;
  flags.emplace_back(build.tcg ? "accel=tcg" : "accel=kvm");
  if (!build.flag("acpi", true)) flags.emplace_back("acpi=off");
  if (build.windows) flags.emplace_back("hpet=off");
  if (unreserved_memory(build) && !build.flag("numa", false)) flags.emplace_back("memory-backend=ram");
  const bool headless = build.vga == "none" || build.vga.rfind("serial", 0) == 0;
  if (headless && build.values.get("bios", "seabios") != "ovmf") flags.emplace_back("smm=off");
  // "pc-i440fx-9.0+pve1" pins Proxmox's own patch level, which this QEMU does not know.
  flags.push_back("type=" + type.substr(0, type.find('+')));
  build.add("-machine", join(flags, ","));
}

void add_extra_arguments(Build& build) {
  for (auto& word : split_words(build.values.get("args"))) build.argv.push_back(std::move(word));
}

Build prepare(Vmid vmid, const config::Section& values, const HostFacts& facts, const Places& places) {
  Build build{vmid, values, facts, places};
  build.tcg = emulated(values, facts);
  build.q35 = contains(values.get("machine"), "q35");
  build.windows = values.get("ostype").rfind("win", 0) == 0 || values.get("ostype") == "w2k8";
  try {
    build.drives = drives_of(values);
    build.nets = nets_of(values);
    build.boot = boot_order(values);
    const auto vga = wire::PropertyString::parse(values.get("vga", "std"), "type");
    build.vga = vga.get_or("type", "std");
    build.vga_memory = vga.get_or("memory", "");
  } catch (const wire::ApiError&) {
    throw;
  } catch (const Error& error) {
    throw wire::failure(error.message());
  }
  return build;
}

}  // namespace

std::string Build::socket(std::string_view suffix) const {
  return fmt::format("{}/{}.{}", places.run_folder, vmid.value, suffix);
}

bool Build::flag(std::string_view key, bool fallback) const {
  const std::string* value = values.find(key);
  return value == nullptr ? fallback : *value == "1";
}

long long Build::number(std::string_view key, long long fallback) const {
  const std::string* value = values.find(key);
  if (value == nullptr) return fallback;
  long long result = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), result);
  if (error != std::errc() || end != value->data() + value->size()) {
    throw wire::failure(fmt::format("{}: '{}' is not a number", key, *value));
  }
  return result;
}

std::string Build::boot_index(std::string_view key) const {
  const auto at = std::find(boot.begin(), boot.end(), key);
  return at == boot.end() ? "" : fmt::format(",bootindex={}", 100 + (at - boot.begin()));
}

bool emulated(const config::Section& values, const HostFacts& facts) {
  return !facts.kvm || values.get("kvm", "1") == "0";
}

std::vector<std::string> build_command(Vmid vmid, const config::Section& values, const HostFacts& facts,
                                       const Places& places) {
  Build build = prepare(vmid, values, facts, places);
  refuse_what_we_cannot(build);
  if (const auto* cpus = values.find("affinity")) {
    build.argv = {"/usr/bin/taskset", "--cpu-list", "--all-tasks", *cpus};
  }
  build.add(facts.qemu_binary);
  add_identity(build);
  add_smbios(build);
  add_firmware(build);
  add_processors(build);
  build.add("-nodefaults");
  build.add("-boot", "menu=on,strict=on,reboot-timeout=1000");
  add_display(build);
  if (build.windows) build.add("-global", "kvm-pit.lost_tick_policy=discard");
  build.add("-cpu", cpu_argument(build));
  add_memory(build);
  if (build.flag("freeze", false)) build.add("-S");
  if (const auto* keyboard = values.find("keyboard")) build.add("-k", *keyboard);
  add_iothreads(build);
  add_buses_and_usb(build);
  add_serial_and_tpm(build);
  add_audio(build);
  add_vga_card(build);
  add_rng(build);
  add_agent(build);
  add_balloon_and_watchdog(build);
  add_drives(build);
  add_nets(build);
  add_clock_and_iommu(build);
  add_machine(build);
  add_extra_arguments(build);
  return std::move(build.argv);
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool open = false;  // a word has begun, even an empty quoted one
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else if (c == '\\' && quote == '"' && i + 1 < text.size() &&
                 (text[i + 1] == '"' || text[i + 1] == '\\')) {
        word += text[++i];
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      open = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (open) words.push_back(std::exchange(word, {}));
      open = false;
    } else {
      open = true;
      word += c == '\\' && i + 1 < text.size() ? text[++i] : c;
    }
  }
  if (quote != 0) throw wire::failure("args: a quote is not closed");
  if (open) words.push_back(word);
  return words;
}

}  // namespace hlid::node::qemu
