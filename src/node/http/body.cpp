#include "node/http/body.h"

#include "base/error.h"
#include "base/text.h"
#include "net/multipart.h"
#include "wire/api_error.h"

namespace hlid::node::http {
namespace {

void add_form(service::Params& params, std::string_view text) {
  for (auto& [name, value] : net::decode_form(text)) params.add(name, std::move(value));
}

}  // namespace

BodyKind body_kind(const net::ServerRequest& request) {
  const std::string header = net::find_header(request.headers, "Content-Type").value_or("");
  const std::string type(trim(std::string_view(header).substr(0, header.find(';'))));
  if (type.empty() || type == "application/x-www-form-urlencoded") return BodyKind::form;
  if (type == "application/json") return BodyKind::json;
  if (type == "multipart/form-data") return BodyKind::multipart;
  return BodyKind::other;
}

service::Params parameters_of(const net::ServerRequest& request, std::string_view query) {
  service::Params params;
  if (!request.body.empty()) {
    if (body_kind(request) == BodyKind::json) {
      service::add_json_body(params, request.body);
    } else {
      add_form(params, request.body);
    }
  }
  if (!query.empty()) {
    service::Params from_query;
    add_form(from_query, query);
    for (auto& [name, value] : from_query.items()) params.set(name, std::move(value));
  }
  params.erase("_dc");
  return params;
}

service::UploadedFile take_upload(const net::ServerRequest& request, service::Params& params) {
  namespace fs = std::filesystem;
  const fs::path target = request.spool.string() + ".file";
  try {
    const auto boundary =
        net::multipart_boundary(net::find_header(request.headers, "Content-Type").value_or(""));
    if (!boundary) throw Error(Errc::protocol, "no boundary");
    const net::Multipart parts = net::read_multipart(request.spool, *boundary);
    for (const auto& [name, value] : parts.fields) params.add(name, value);
    if (parts.has_file()) {
      net::extract_range(request.spool, parts.begin, parts.size, target);
      params.set("filename", service::Value::text(parts.file_name));
    }
    fs::remove(request.spool);
    if (!parts.has_file()) return {};
    return {target, parts.file_name};
  } catch (const Error& error) {
    std::error_code ignored;
    fs::remove(request.spool, ignored);
    fs::remove(target, ignored);
    throw wire::failure(std::string("upload failed: ") + error.message());
  }
}

}  // namespace hlid::node::http
