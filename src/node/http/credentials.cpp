#include "node/http/credentials.h"

#include <string_view>

#include "base/text.h"

namespace hlid::node::http {
namespace {

/// "…; NAME=value; …" or "NAME value": what follows the name, up to ';', decoded.
std::optional<std::string> value_of(std::string_view header, std::string_view name) {
  for (auto at = header.find(name); at != std::string_view::npos; at = header.find(name, at + 1)) {
    const bool starts_word =
        at == 0 || header[at - 1] == ' ' || header[at - 1] == ';' || header[at - 1] == '\t';
    const auto after = at + name.size();
    if (!starts_word || after >= header.size() || (header[after] != '=' && header[after] != ' ')) continue;
    const auto value = header.substr(after + 1);
    return percent_decode(value.substr(0, value.find(';')));
  }
  return std::nullopt;
}

}  // namespace

Credentials credentials_of(const net::Headers& headers) {
  constexpr std::string_view kCookie = "PVEAuthCookie";
  Credentials credentials;
  if (const auto cookie = net::find_header(headers, "Cookie"))
    credentials.ticket = value_of(*cookie, kCookie);
  if (const auto authorization = net::find_header(headers, "Authorization")) {
    if (!credentials.ticket) credentials.ticket = value_of(*authorization, kCookie);
    if (!credentials.ticket) credentials.api_token = value_of(*authorization, "PVEAPIToken");
  }
  credentials.csrf = net::find_header(headers, "CSRFPreventionToken").value_or("");
  return credentials;
}

}  // namespace hlid::node::http
