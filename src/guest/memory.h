#pragma once
#include <cstdint>
#include <string>
#include <vector>

/// What a boot makes of the machine's memory once and the kernel does not change when memory is plugged in.
namespace hlid::guest {

/// Waits until the kernel uses (nearly) so much; gives up quietly after half a minute.
void wait_for_memory(std::int64_t mib);

/// Of /proc/zoneinfo: pages that buffers may use, as nr_free_buffer_pages() counts them (mm/page_alloc.c):
/// each zone's managed pages above its high watermark.
std::uint64_t buffer_pages(const std::string& zoneinfo);

struct Limit {
  std::string name;  ///< sysctl, with slashes
  std::string value;
};
/// The limits that a kernel would have set at a boot with this memory: tcp_init_mem() and tcp_init() in
/// net/ipv4/tcp.c, udp_init() in net/ipv4/udp.c, inet_initpeers() in net/ipv4/inetpeer.c, set_max_threads()
/// in kernel/fork.c. Sizes of hash tables are fixed at the boot. `pages` are all that the kernel manages.
std::vector<Limit> limits_of(std::uint64_t pages, std::uint64_t buffers);

/// Gives the tmpfs of /run, /run/lock and /dev/shm the sizes that they have after a boot with the present
/// memory, and the kernel its limits. One line for each thing that could not be done.
std::vector<std::string> adapt_to_memory();

}  // namespace hlid::guest
