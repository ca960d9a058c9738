#pragma once
#include <string_view>

/// What the template's warm copy is called before it becomes a machine. The node boots it with these values
/// and the guest program replaces each wherever cloud-init wrote it; so whatever cloud-init makes of a value,
/// in whatever file, a clone has what a cold boot would have made. Each is unmistakable: no other text of the
/// system holds it.
namespace hlid::guest::warm {

inline constexpr std::string_view kInstanceId = "hlid-warm-instance-0";
inline constexpr std::string_view kHostname = "hlid-warm-host-0";
inline constexpr std::string_view kDomain = "hlid-warm-domain-0";  ///< search domain; fqdn is host.domain
/// Without a comment: in YAML that cloud-init writes, a line would break before it.
inline constexpr std::string_view kKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEhsaWRXYXJtQ29weUtleVRoYXROb2JvZHlIYXNBdEFsbDA";
inline constexpr std::string_view kMac = "02:68:6c:69:64:00";
inline constexpr std::string_view kAddress = "192.0.2.77";  ///< RFC 5737: never routed
inline constexpr std::string_view kPrefix = "27";
inline constexpr std::string_view kNetmask = "255.255.255.224";
inline constexpr std::string_view kGateway = "192.0.2.65";
inline constexpr std::string_view kDns = "192.0.2.66";

/// Where the copy waits for the word to become a machine.
inline constexpr const char* kWakeFifo = "/run/hlid-guest.wake";

}  // namespace hlid::guest::warm
