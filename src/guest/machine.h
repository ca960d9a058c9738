#pragma once
#include <cstdint>
#include <string>
#include <vector>

/// What of a running system files cannot change. Each returns "" or what could not be done and why.
namespace hlid::guest {

/// Sets the wall clock (seconds.nanoseconds since 1970).
std::string set_clock(std::int64_t seconds, std::int64_t nanoseconds);
/// Mixes the host's entropy into the kernel's pool and has its generator reseeded at once, so that two copies
/// of one memory go separate ways (random(4), RNDADDENTROPY and RNDRESEEDCRNG).
std::string reseed(const std::string& entropy);
std::string set_hostname(const std::string& name);
/// Another secret for TCP Fast Open's cookies than that of the template's memory (ip-sysctl,
/// tcp_fastopen_key).
std::string renew_fastopen_key();
/// Until the next boot the kernel's copy of the SMBIOS tables is the template's; programs that ask for the
/// machine's UUID (kubelet: systemUUID of the Node) see the right one in its place, once it was noted and is
/// shown.
std::string note_uuid(const std::string& uuid);
std::string show_uuid();
/// Reads `name` from the ISO file system of the drive at `device`, which is mounted for that moment only.
std::string read_from_drive(const std::string& device, const std::string& name, std::string& failure);
/// Grows the partition and the ext4 file system of "/" to the size that its disk has now.
std::string grow_root();
/// Runs a program and waits; its output goes to ours.
std::string run(const char* const argv[]);
/// Fresh random bytes of the kernel, after reseed().
std::string random_bytes(std::size_t count);

}  // namespace hlid::guest
