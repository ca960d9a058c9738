#include "node/qemu/host_facts.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "sys/files.h"
#include "sys/process.h"
#include "sys/unique_fd.h"

namespace hlid::node::qemu {
namespace {

bool opens_kvm() {
  return static_cast<bool>(sys::UniqueFd(::open("/dev/kvm", O_RDWR | O_CLOEXEC)));
}

/// Kernels forbid it to containers (EPERM) and can be built without it (ENOSYS); QEMU then refuses to start.
bool has_io_uring() {
  std::array<unsigned char, 120> parameters{};  // struct io_uring_params, all zero
  const sys::UniqueFd ring(static_cast<int>(::syscall(SYS_io_uring_setup, 1U, parameters.data())));
  return static_cast<bool>(ring);
}

std::string first_existing(std::initializer_list<const char*> paths) {
  for (const char* path : paths) {
    if (std::filesystem::exists(path)) return path;
  }
  return {};
}

/// "QEMU emulator version 7.2.22 (Debian …)" -> "7.2.22"
std::string parse_version(std::string_view text) {
  constexpr std::string_view kWord = "version ";
  const auto at = text.find(kWord);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + kWord.size());
  return std::string(text.substr(0, text.find_first_not_of("0123456789.")));
}

std::string find_binary() {
  for (const auto& folder : split(::getenv("PATH") != nullptr ? ::getenv("PATH") : "/usr/bin:/bin", ':')) {
    const auto path = std::filesystem::path(folder.empty() ? "." : folder) / "qemu-system-x86_64";
    if (::access(path.c_str(), X_OK) == 0) return path.string();
  }
  throw Error(Errc::precondition, "'qemu-system-x86_64' is not installed")
      .with_hint("apt-get install qemu-system-x86 qemu-utils");
}

}  // namespace

bool HostFacts::qemu_at_least(int major, int minor) const {
  int have_major = 0;
  int have_minor = 0;
  if (std::sscanf(qemu_version.c_str(), "%d.%d", &have_major, &have_minor) != 2) return false;
  return have_major > major || (have_major == major && have_minor >= minor);
}

bool kvm_works(bool device, std::string_view cpuinfo, std::string& reason) {
  const auto flags = cpuinfo.find("\nflags");
  const std::string_view line = flags == std::string_view::npos
                                    ? std::string_view()
                                    : cpuinfo.substr(flags, cpuinfo.find('\n', flags + 1) - flags);
  const bool virtualises =
      contains(std::string(line) + " ", " vmx ") || contains(std::string(line) + " ", " svm ");
  if (!device) {
    reason = "/dev/kvm cannot be opened";
  } else if (!virtualises) {
    reason = "the processor shows neither vmx nor svm";
  }
  return device && virtualises;
}

HostFacts measure_host(sys::ProcessRunner& processes) {
  HostFacts facts;
  facts.qemu_binary = find_binary();
  facts.qemu_version = parse_version(sys::run_checked(processes, {.argv = {facts.qemu_binary, "--version"}}));
  facts.kvm =
      kvm_works(opens_kvm(), sys::read_file_if_exists("/proc/cpuinfo").value_or(""), facts.kvm_reason);
  facts.io_uring = has_io_uring();
  facts.cpus = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  facts.memory_mib =
      static_cast<long long>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE) / (1024 * 1024);
  facts.ovmf_code = first_existing({"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd"});
  facts.ovmf_vars = first_existing({"/usr/share/OVMF/OVMF_VARS_4M.fd", "/usr/share/OVMF/OVMF_VARS.fd"});
  return facts;
}

}  // namespace hlid::node::qemu
