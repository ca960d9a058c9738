#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hlid::test {

struct RawResponse {
  int status = 0;
  std::string reason;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

/// Sends bytes as they are to a server of this machine and reads one response: what HTTP libraries add, mend
/// or hide would spoil the comparison. TLS unless `plain`; the certificate is not looked at. Throws
/// Error(io/protocol).
RawResponse send_raw(std::uint16_t port, const std::string& request, bool plain = false, bool head = false);

}  // namespace hlid::test
