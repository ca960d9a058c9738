#pragma once
#include <chrono>
#include <filesystem>
#include <string>

#include "base/json.h"
#include "sys/files.h"
#include "sys/process.h"

namespace hlid::test {

enum class Firmware { bios, uefi };

/// Whether this host has what UEFI machines boot from.
bool has_uefi();

/// A machine that runs an overlay of a template's disk under emulation, with a NoCloud disc as Proxmox writes
/// it and the guest agent. Nothing but QEMU is between this and the image: no node, no API. Gone with this
/// object.
class BootedImage {
 public:
  BootedImage(const std::filesystem::path& disk, Firmware firmware);
  BootedImage(const BootedImage&) = delete;
  BootedImage& operator=(const BootedImage&) = delete;
  ~BootedImage();

  /// Waits for the agent's first answer. False after `patience`, or when QEMU ended.
  bool wait_for_agent(std::chrono::seconds patience);
  /// What a shell command prints in the machine.
  std::string run(const std::string& script);
  /// The last lines of the serial console.
  std::string console() const;

 private:
  json::value ask(const json::object& request, std::chrono::seconds patience);

  sys::TempFolder folder_;
  sys::PosixProcessRunner runner_;
  sys::ProcessId qemu_;
  int asked_ = 0;
};

}  // namespace hlid::test
