#include "support/fake_rke2/access.h"

#include "base/error.h"
#include "base/text.h"
#include "sys/hash.h"

namespace hlid::fake_rke2 {
namespace {

std::string fetch_ca(const std::string& url, const Endpoint& endpoint) {
  try {
    Client anybody(endpoint.host, endpoint.port, client_context({}, {}));
    const auto answer = anybody.send("GET", "/cacerts");
    if (answer.status != 200) throw Error(Errc::io, "{} {}", answer.status, trim(answer.body));
    return answer.body;
  } catch (const Error& problem) {
    throw Error(problem.code(), "failed to get CA certs: Get \"{}/cacerts\": {}", url, problem.message());
  }
}

}  // namespace

Token parse_token(const std::string& text) {
  if (!text.starts_with("K10")) {
    // A bare "user:password" is taken apart too.
    const auto colon = text.find(':');
    if (colon == std::string::npos) return {std::nullopt, "", text};
    return {std::nullopt, text.substr(0, colon), text.substr(colon + 1)};
  }
  const auto middle = text.find("::");
  if (middle == std::string::npos) return {std::nullopt, "", text};
  const auto rest = text.substr(middle + 2);
  const auto colon = rest.find(':');
  if (colon == std::string::npos) return {text.substr(3, middle - 3), "", rest};
  return {text.substr(3, middle - 3), rest.substr(0, colon), rest.substr(colon + 1)};
}

std::string ca_hash(const std::string& ca_pem) {
  return sys::sha256_hex(ca_pem);
}

std::string full_token(const std::string& ca_pem, const std::string& user, const std::string& password) {
  return "K10" + ca_hash(ca_pem) + "::" + user + ":" + password;
}

Access::Access(const std::string& url, const Token& token, const std::string& role) : url_(url) {
  while (url_.ends_with('/')) url_.pop_back();
  const auto endpoint = parse_url(url_);
  ca_ = fetch_ca(url_, endpoint);
  if (token.ca_hash && *token.ca_hash != ca_hash(ca_))
    throw Error(Errc::denied, "token CA hash does not match the Cluster CA certificate hash: {} != {}",
                *token.ca_hash, ca_hash(ca_));
  authorization_ = basic_authorization(token.user.empty() ? role : token.user, token.password);
  client_ = std::make_unique<Client>(endpoint.host, endpoint.port, client_context(ca_, {}),
                                     std::chrono::seconds(60));
}

Response Access::send(const std::string& method, const std::string& path, const std::string& body,
                      std::map<std::string, std::string> headers) {
  headers["Authorization"] = authorization_;
  try {
    return client_->send(method, path, body, headers);
  } catch (const Error& problem) {
    throw Error(problem.code(), "{} \"{}{}\": {}", method == "GET" ? "Get" : "Put", url_, path,
                problem.message());
  }
}

std::string Access::get(const std::string& path, const std::map<std::string, std::string>& headers) {
  const auto answer = send("GET", path, {}, headers);
  if (answer.status == 401) throw Error(Errc::denied, "not authorized");
  if (answer.status != 200)
    throw Error(Errc::failed, "{}{}: {} {}", url_, path, answer.status, trim(answer.body));
  return answer.body;
}

std::string Access::put(const std::string& path, const std::string& body, const std::string& method) {
  const auto answer = send(method, path, body, {{"Content-Type", "application/json"}});
  if (answer.status == 401) throw Error(Errc::denied, "not authorized");
  if (answer.status != 200)
    throw Error(Errc::failed, "{}{}: {} {}", url_, path, answer.status, trim(answer.body));
  return answer.body;
}

}  // namespace hlid::fake_rke2
