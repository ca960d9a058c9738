#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "net/http_client.h"

namespace hlid::test {

class Lab;

/// The embedded node's API as any client sees it: paths and forms in, JSON out. It knows nothing of our own
/// Proxmox client on purpose: what that one forgives, a stranger's would not.
class NodeApi {
 public:
  /// Reads the endpoint that the node wrote for its owner (client.json).
  explicit NodeApi(const Lab& lab, const std::string& node = "asgard");

  net::HttpResponse send(const std::string& method, const std::string& path, const net::Form& form = {});
  /// The `data` of an answer with status 200; any other answer fails the test and gives null.
  json::value get(const std::string& path);
  json::value call(const std::string& method, const std::string& path, const net::Form& form = {});
  /// Calls, and waits for the task that the answer names: its exit status ("OK").
  std::string run(const std::string& method, const std::string& path, const net::Form& form = {});
  std::string wait(const std::string& upid);
  std::string upload(const std::string& storage, const std::string& content, const std::string& file,
                     const std::string& name);

  const std::string& endpoint() const { return endpoint_; }
  const std::string& authorization() const { return authorization_; }
  const std::string& ca_file() const { return ca_file_; }

 private:
  std::string url(const std::string& path) const { return endpoint_ + "/api2/json" + path; }

  std::string node_, endpoint_, authorization_, ca_file_;
  std::unique_ptr<net::CurlHttpClient> client_;
};

/// Makes machine `vmid` with the tiny guest's disk, uploaded to `local` before as import/tiny.raw.
void make_tiny_machine(NodeApi& api, int vmid, const std::string& name, const net::Form& more = {});
/// Waits until the guest agent of a machine answers; false when it never does.
bool agent_answers(NodeApi& api, int vmid, int seconds = 120);
/// Waits until status/current says `status` ("stopped").
bool becomes(NodeApi& api, int vmid, const std::string& status, int seconds = 60);

}  // namespace hlid::test
