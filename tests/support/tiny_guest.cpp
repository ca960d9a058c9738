#include "support/tiny_guest.h"

#include <cstdlib>

#include "base/text.h"
#include "sys/process.h"

namespace hlid::test {

TinyGuest tiny_guest() {
  sys::PosixProcessRunner processes;
  const std::string script = std::string(HLID_SOURCE_DIR) + "/tests/support/tiny-guest";
  const std::string output =
      sys::run_checked(processes, {.argv = {script}, .timeout = std::chrono::minutes(10)});
  const std::filesystem::path folder(trim(output));
  return {folder / "vmlinuz", folder / "initrd", folder / "tiny.img"};
}

}  // namespace hlid::test
