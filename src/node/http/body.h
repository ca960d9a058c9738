// The body of a request as parameters.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_server.h"
#include "node/service/verb.h"

namespace hlid::node::http {

enum class BodyKind { form, json, multipart, other };
BodyKind body_kind(const net::ServerRequest& request);

/// The query wins over the body; `_dc` (the web interface's cache breaker) is dropped. Reads no multipart
/// body.
service::Params parameters_of(const net::ServerRequest& request, std::string_view query);

/// Reads the spooled multipart body: fields into `params`, the file into a new one beside the spool. Throws
/// ApiError for a body that breaks off. The spool is removed.
service::UploadedFile take_upload(const net::ServerRequest& request, service::Params& params);

}  // namespace hlid::node::http
