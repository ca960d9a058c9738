#include "pve/session.h"

#include "base/log.h"
#include "base/text.h"
#include "pve/answer.h"
#include "pve/retry.h"
#include "wire/api_error.h"

namespace hlid::pve {
namespace {

/// A GET changes nothing, so one that broke off may be sent again; Proxmox closes idle connections after 5 s.
bool worth_repeating(const Error& error) {
  if (const auto* api = dynamic_cast<const wire::ApiError*>(&error)) return is_proxy_failure(api->status());
  return error.code() == Errc::io;
}

net::Headers headers_for(const Credentials& who, const std::string& method) {
  net::Headers headers;
  if (!who.token.empty()) {
    headers.emplace_back("Authorization", "PVEAPIToken=" + who.token.reveal());
    return headers;
  }
  if (who.ticket.empty()) return headers;
  headers.emplace_back("Cookie", "PVEAuthCookie=" + percent_encode(who.ticket.reveal()));
  if (method != "GET") headers.emplace_back("CSRFPreventionToken", who.csrf.reveal());
  return headers;
}

}  // namespace

Session::Session(net::HttpClient& http, Endpoint endpoint, sys::Clock& clock, Patience patience)
    : http_(&http),
      endpoint_(std::make_shared<Endpoint>(std::move(endpoint))),
      clock_(&clock),
      patience_(patience) {}

Session Session::with(std::stop_token stop) const {
  Session copy = *this;
  copy.stop_ = std::move(stop);
  return copy;
}

Session Session::watched_by(std::function<void(const std::string&)> on_task) const {
  Session copy = *this;
  copy.on_task_ = std::move(on_task);
  return copy;
}

net::HttpRequest Session::request(const std::string& method, const std::string& path,
                                  const Form& query) const {
  net::HttpRequest request;
  request.method = method;
  request.url = endpoint_->url + "/api2/json" + path;
  if (!query.empty()) request.url += "?" + net::encode_form(query);
  request.headers = headers_for(endpoint_->who, method);
  return request;
}

net::HttpRequest Session::with_form(net::HttpRequest request, const Form& form) const {
  request.body = net::encode_form(form);
  if (!form.empty()) request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  return request;
}

json::value Session::exchange(const net::HttpRequest& request) const {
  const auto response = http_->send(request, stop_);
  log::debug("{} {} -> {} {}", request.method, request.url, response.status, response.reason);
  return read_answer(response);
}

json::value Session::waiting_for_locks(const net::HttpRequest& request) const {
  LockPatience patience(*this);
  while (true) {
    try {
      return exchange(request);
    } catch (const wire::ApiError& error) {
      if (!patience.pause(lock_wait_of(error.message()))) throw;
    }
  }
}

json::value Session::get(const std::string& path, const Form& query) const {
  const auto wanted = request("GET", path, query);
  try {
    return exchange(wanted);
  } catch (const Error& error) {
    if (!worth_repeating(error)) throw;
  }
  return exchange(wanted);
}

json::value Session::post(const std::string& path, const Form& form) const {
  return waiting_for_locks(with_form(request("POST", path, {}), form));
}

json::value Session::put(const std::string& path, const Form& form) const {
  return waiting_for_locks(with_form(request("PUT", path, {}), form));
}

json::value Session::del(const std::string& path, const Form& query) const {
  return waiting_for_locks(request("DELETE", path, query));
}

json::value Session::upload(const std::string& path, net::Upload upload) const {
  auto wanted = request("POST", path, {});
  wanted.upload = std::move(upload);
  return exchange(wanted);
}

json::value Session::get_within(std::chrono::milliseconds limit, const std::string& path,
                                const Form& query) const {
  auto wanted = request("GET", path, query);
  wanted.timeout = limit;
  return exchange(wanted);
}

json::value Session::post_within(std::chrono::milliseconds limit, const std::string& path,
                                 const Form& form) const {
  auto wanted = with_form(request("POST", path, {}), form);
  wanted.timeout = limit;
  return exchange(wanted);
}

std::string path_of(std::initializer_list<std::string_view> segments) {
  std::string path;
  for (const auto segment : segments) path += "/" + percent_encode(segment);
  return path;
}

Credentials login(net::HttpClient& http, const std::string& url, const std::string& user,
                  const Secret& password) {
  sys::SystemClock clock;
  const Session anonymous(http, {url, {}}, clock);
  const auto data = anonymous.post("/access/ticket", {{"username", user}, {"password", password.reveal()}});
  if (!data.is_object()) throw Error(Errc::protocol, "the login was answered without a ticket");
  const auto ticket = get_string(data.as_object(), "ticket");
  const auto csrf = get_string(data.as_object(), "CSRFPreventionToken");
  if (!ticket || !csrf) throw Error(Errc::protocol, "the login was answered without a ticket");
  if (get_bool(data.as_object(), "NeedTFA").value_or(false))
    throw Error(Errc::unsupported, "user '{}' needs a second factor", user)
        .with_hint("use an API token instead");
  return {Secret(), Secret(*ticket), Secret(*csrf)};
}

}  // namespace hlid::pve
