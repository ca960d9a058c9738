// The parts of the command line, each appended by one function. Internal to this module.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "node/qemu/command_line.h"

namespace hlid::node::qemu {

/// What every part needs, derived once.
struct Build {
  Vmid vmid;
  const config::Section& values;
  const HostFacts& facts;
  const Places& places;
  std::vector<Drive> drives = {};
  std::vector<NetCard> nets = {};
  std::vector<std::string> boot = {};
  std::string vga = {};  // the type: std, serial0, none, …
  std::string vga_memory = {};
  bool q35 = false;
  bool tcg = false;
  bool windows = false;
  std::vector<std::string> argv = {};

  void add(std::string_view option, std::string value) {
    argv.emplace_back(option);
    argv.push_back(std::move(value));
  }
  void add(std::string_view option) { argv.emplace_back(option); }
  std::string socket(std::string_view suffix) const;
  bool flag(std::string_view key, bool fallback) const;
  long long number(std::string_view key, long long fallback) const;
  /// ",bootindex=100" or "".
  std::string boot_index(std::string_view key) const;
};

std::string cpu_argument(const Build& build);
void add_memory(Build& build);
/// Whether the guest's memory is so large beside the host's that nothing may be set aside for it.
bool unreserved_memory(const Build& build);
void add_processors(Build& build);
void add_iothreads(Build& build);
void add_drives(Build& build);
void add_nets(Build& build);
void add_buses_and_usb(Build& build);
void add_firmware(Build& build);
void add_display(Build& build);
void add_vga_card(Build& build);
void add_serial_and_tpm(Build& build);
void add_audio(Build& build);
void add_rng(Build& build);
void add_agent(Build& build);
void add_balloon_and_watchdog(Build& build);
void add_clock_and_iommu(Build& build);

}  // namespace hlid::node::qemu
