#pragma once
#include "base/json.h"
#include "net/http.h"
#include "wire/api_error.h"

namespace hlid::pve {

/// What an answer means: the value of "data", or a throw of the ApiError that it tells. The error text is the
/// reason phrase (the only place older versions have it), completed by the body's "message" and "errors".
/// 595, 596, 597 and 599 are the proxy's own codes for a peer it did not reach or stopped waiting for; they
/// have no body (AnyEvent::HTTP, pseudo status codes).
json::value read_answer(const net::HttpResponse& response);

/// The failure that a status other than 200 describes.
wire::ApiError read_failure(const net::HttpResponse& response);

/// The proxy gave up waiting or never reached its peer: whether the work was done is not known.
bool is_proxy_failure(int status);

}  // namespace hlid::pve
