#pragma once
#include <string>
#include <utility>
#include <vector>

#include "net/http_client.h"
#include "pve/session.h"
#include "support/fake_clock.h"
#include "support/fake_http.h"

namespace hlid::test {

/// One recorded exchange, read from the folder of recordings (HLID_CONTRACT_DIR, or
/// tests/contract/recordings).
struct Exchange {
  std::string name, method, path, body, content_type, authorization;
  net::HttpResponse response;
  std::string exit_status;  ///< of the task it started; empty: none
  std::vector<std::string> task_log;
};

/// `number`: the first part of the file's name, "124".
Exchange load_exchange(const std::string& number);

/// A session whose transport answers one exchange, and the task that it started, as recorded.
class Replay {
 public:
  explicit Replay(const std::string& number);
  pve::Session session();
  /// That the first request sent is the recorded one: method, path and parameters, whatever their order and
  /// encoding. `defaults` may be sent although they were not recorded, because they say what goes without
  /// saying.
  void expect_same_request(const net::Form& defaults = {}) const;
  const Exchange& exchange() const { return exchange_; }
  const FakeHttp& http() const { return http_; }

 private:
  net::HttpResponse answer(const net::HttpRequest& request) const;

  Exchange exchange_;
  FakeHttp http_;
  FakeClock clock_;
};

}  // namespace hlid::test
