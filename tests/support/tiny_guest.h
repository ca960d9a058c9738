// The small guest of the system tests (tests/support/tiny-guest): a kernel, busybox and the real guest agent,
// on a 48 MiB disk that boots from SeaBIOS in a few seconds without KVM. It knows cloud-init drives and ACPI.
#pragma once

#include <filesystem>

namespace hlid::test {

struct TinyGuest {
  std::filesystem::path kernel;
  std::filesystem::path initrd;
  std::filesystem::path disk;  // raw; a template image
};

/// Builds it into $HLID_TEST_CACHE (or the user's cache folder) at the first call. Throws Error with what is
/// missing.
TinyGuest tiny_guest();

}  // namespace hlid::test
