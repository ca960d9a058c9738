#include "web_client.h"

#include <curl/curl.h>

namespace hlid::test {
namespace {

std::size_t collect(char* data, std::size_t size, std::size_t count, void* to) {
  static_cast<std::string*>(to)->append(data, size * count);
  return size * count;
}

}  // namespace

struct WebClient::State {
  WebIdentity identity;
  long patience = 0;
  CURL* curl = ::curl_easy_init();

  template <typename T>
  void set(CURLoption option, T value) {
    ::curl_easy_setopt(curl, option, value);
  }
  void identify() {
    // Behind a published port the name is that of the port, not of the machine.
    set(CURLOPT_SSL_VERIFYHOST, 0L);
    set(CURLOPT_SSL_VERIFYPEER, identity.ca.empty() ? 0L : 1L);
    if (!identity.ca.empty()) set(CURLOPT_CAINFO, identity.ca.c_str());
    if (identity.certificate.empty()) return;
    set(CURLOPT_SSLCERT, identity.certificate.c_str());
    set(CURLOPT_SSLKEY, identity.key.c_str());
  }
};

WebClient::WebClient(WebIdentity identity, std::chrono::milliseconds patience)
    : state_(std::make_unique<State>(State{std::move(identity), static_cast<long>(patience.count())})) {}

WebClient::~WebClient() {
  ::curl_easy_cleanup(state_->curl);
}

std::optional<WebAnswer> WebClient::send(const std::string& url, const std::string& body,
                                         const std::string& user) {
  WebAnswer answer;
  ::curl_easy_reset(state_->curl);
  state_->identify();
  state_->set(CURLOPT_URL, url.c_str());
  state_->set(CURLOPT_NOSIGNAL, 1L);
  state_->set(CURLOPT_PROXY, "");
  state_->set(CURLOPT_TIMEOUT_MS, state_->patience);
  state_->set(CURLOPT_WRITEFUNCTION, collect);
  state_->set(CURLOPT_WRITEDATA, &answer.body);
  if (!user.empty()) state_->set(CURLOPT_USERPWD, user.c_str());
  if (!body.empty()) {
    state_->set(CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
    state_->set(CURLOPT_POSTFIELDS, body.c_str());
  }
  if (::curl_easy_perform(state_->curl) != CURLE_OK) return std::nullopt;
  long status = 0;
  ::curl_easy_getinfo(state_->curl, CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  return answer;
}

}  // namespace hlid::test
