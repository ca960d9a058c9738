#include "pve/answer.h"

#include <map>

#include "base/text.h"

namespace hlid::pve {
namespace {

std::optional<json::object> object_of(const std::string& body) {
  if (trim(body).empty()) return std::nullopt;
  try {
    const auto value = parse_json(body, "the answer");
    if (value.is_object()) return value.as_object();
  } catch (const Error&) {
    // Errors of the HTTP layer itself have plain text as body.
  }
  return std::nullopt;
}

std::map<std::string, std::string> parameter_errors(const json::object& body) {
  std::map<std::string, std::string> errors;
  const auto* found = body.if_contains("errors");
  if (found == nullptr || !found->is_object()) return errors;
  for (const auto& item : found->as_object())
    if (const auto text = get_string(found->as_object(), item.key())) errors.emplace(item.key(), trim(*text));
  return errors;
}

/// The whole text: the reason phrase is its first line, so a body that begins with it has more to tell.
std::string message_of(const net::HttpResponse& response, const std::optional<json::object>& body) {
  const std::string reason(trim(response.reason));
  const auto told = body ? get_string(*body, "message") : std::nullopt;
  const std::string message(told ? trim(*told) : std::string_view());
  if (reason.empty()) return message.empty() ? fmt::format("the API answered {}", response.status) : message;
  return message.starts_with(reason) ? message : reason;
}

std::string hint_for(int status) {
  if (status == 401) return "check the token in the file (proxmox.token); 'hlid doctor' tests it";
  if (status == 403) return "'hlid doctor' lists the privileges the token needs";
  if (is_proxy_failure(status)) return "the server may still be working on it; run the command again";
  return {};
}

}  // namespace

bool is_proxy_failure(int status) {
  return status >= 595 && status <= 599;
}

wire::ApiError read_failure(const net::HttpResponse& response) {
  const auto body = object_of(response.body);
  auto message = message_of(response, body);
  auto errors = body ? parameter_errors(*body) : std::map<std::string, std::string>();
  for (const auto& [parameter, text] : errors) message += "\n" + parameter + ": " + text;
  wire::ApiError error(response.status, std::move(message), std::move(errors));
  error.with_hint(hint_for(response.status));
  return error;
}

json::value read_answer(const net::HttpResponse& response) {
  if (response.status != 200) throw read_failure(response);
  auto body = object_of(response.body);
  if (!body || !body->contains("data"))
    throw Error(Errc::protocol, "the answer is not one of the Proxmox API")
        .with_hint("check proxmox.endpoint: it is the address of port 8006");
  return std::move(body->at("data"));
}

}  // namespace hlid::pve
