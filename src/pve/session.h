#pragma once
#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/secret.h"
#include "net/http_client.h"
#include "sys/clock.h"

/// The Proxmox VE API, as a client. It knows the API's wire rules and nothing of homelabs or plans.
/// (pve-http-server, pve-common: JSONSchema.pm, RESTHandler.pm; the pages of the API viewer.)
namespace hlid::pve {

using net::Form;

/// Who we are: an API token ("user@realm!id=uuid"), or a ticket with its CSRF token.
struct Credentials {
  Secret token = Secret();
  Secret ticket = Secret();
  Secret csrf = Secret();
};

struct Endpoint {
  std::string url;  ///< "https://host:8006"
  Credentials who;
};

/// How long somebody else's lock is waited for before it counts as a failure.
struct Patience {
  std::chrono::milliseconds lock_file{600'000};  ///< "can't lock file … - got timeout" and cluster locks
  std::chrono::milliseconds lock_word{60'000};   ///< "VM is locked (…)"
};

/// One speaker of the API: cheap to copy, safe to use from many threads. Every call throws wire::ApiError
/// with Proxmox's own status, reason and parameter errors, or Error of the transport. A GET that broke off is
/// sent once more; anything else is sent again only when the answer proves that nothing was done (a lock was
/// not obtained), until patience ends.
class Session {
 public:
  Session(net::HttpClient& http, Endpoint endpoint, sys::Clock& clock, Patience patience = {});

  /// The same session whose calls and waits end with Error(interrupted) when a stop is requested.
  Session with(std::stop_token stop) const;
  /// The same session that tells the UPID of each task it starts, before it waits for it.
  Session watched_by(std::function<void(const std::string& upid)> on_task) const;

  json::value get(const std::string& path, const Form& query = {}) const;
  json::value post(const std::string& path, const Form& form = {}) const;
  json::value put(const std::string& path, const Form& form = {}) const;
  json::value del(const std::string& path, const Form& query = {}) const;
  json::value upload(const std::string& path, net::Upload upload) const;
  /// GET with a time limit of its own, not repeated: for polling.
  json::value get_within(std::chrono::milliseconds limit, const std::string& path,
                         const Form& query = {}) const;
  json::value post_within(std::chrono::milliseconds limit, const std::string& path,
                          const Form& form = {}) const;

  sys::Clock& clock() const { return *clock_; }
  const std::stop_token& stop() const { return stop_; }
  const Patience& patience() const { return patience_; }
  void tell_task(const std::string& upid) const {
    if (on_task_) on_task_(upid);
  }
  const std::string& url() const { return endpoint_->url; }

 private:
  net::HttpRequest request(const std::string& method, const std::string& path, const Form& query) const;
  net::HttpRequest with_form(net::HttpRequest request, const Form& form) const;
  json::value exchange(const net::HttpRequest& request) const;
  json::value waiting_for_locks(const net::HttpRequest& request) const;

  net::HttpClient* http_;
  std::shared_ptr<const Endpoint> endpoint_;  ///< shared: copies of a session speak for the same user
  sys::Clock* clock_;
  Patience patience_;
  std::stop_token stop_;
  std::function<void(const std::string&)> on_task_;
};

/// "/nodes/asgard/qemu": each segment percent-encoded.
std::string path_of(std::initializer_list<std::string_view> segments);

/// POST /access/ticket. Throws wire::ApiError 401 for a wrong password.
Credentials login(net::HttpClient& http, const std::string& url, const std::string& user,
                  const Secret& password);

}  // namespace hlid::pve
