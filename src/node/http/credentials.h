// What a request brings to prove who sends it.
#pragma once

#include <optional>
#include <string>

#include "net/http.h"

namespace hlid::node::http {

struct Credentials {
  std::optional<std::string> ticket;     ///< from the cookie, or else from Authorization: PVEAuthCookie=…
  std::optional<std::string> api_token;  ///< from Authorization: PVEAPIToken=…, only without a ticket
  std::string csrf;                      ///< the header CSRFPreventionToken
};

/// (pve-http-server, AnyEvent.pm authenticate and Formatter.pm extract_auth_value.)
Credentials credentials_of(const net::Headers& headers);

}  // namespace hlid::node::http
