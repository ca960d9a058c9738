// Verbs' answers and failures as HTTP responses, with Proxmox's header set.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/http_server.h"
#include "node/http/target.h"
#include "node/service/verb.h"
#include "wire/api_error.h"

namespace hlid::node::http {

/// How the client wants to be answered.
struct Manner {
  Format format = Format::json;
  bool keep_alive = true;
  bool gzip = false;
};
Manner manner_of(const net::ServerRequest& request, Format format);

net::ServerResponse success(const Manner& manner, const service::Answer& answer, std::int64_t now);
/// Errors of the API: JSON with `data`, `message` and `errors`; extjs always with status 200.
net::ServerResponse failure(const Manner& manner, const wire::ApiError& error, std::int64_t now);
/// Errors of the HTTP layer itself: the text is the reason and the body, which has no type.
net::ServerResponse plain(int status, std::string_view text, std::int64_t now);
/// As plain(), without a body.
net::ServerResponse bare(int status, std::string_view reason, std::int64_t now);
net::ServerResponse redirect(int status, std::string_view reason, const std::string& location, bool body,
                             std::int64_t now);

/// "Sun, 22 Nov 2026 23:08:52 GMT" (RFC 7231, section 7.1.1.1)
const std::string& http_date(std::int64_t unix_seconds);

}  // namespace hlid::node::http
