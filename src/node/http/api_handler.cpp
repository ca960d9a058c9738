#include "node/http/api_handler.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/log.h"
#include "base/text.h"
#include "node/auth/authenticator.h"
#include "node/http/body.h"
#include "sys/clock.h"
#include "sys/files.h"

namespace hlid::node::http {
namespace {

constexpr std::int64_t kLargestBody = 512 * 1024;
constexpr std::int64_t kLargestUpload = std::int64_t{1} << 42;

std::optional<std::int64_t> content_length(const net::ServerRequest& request) {
  const auto header = net::find_header(request.headers, "Content-Length");
  if (!header) return std::nullopt;
  std::int64_t length = 0;
  std::from_chars(header->data(), header->data() + header->size(), length);
  return length;
}

bool is_known_method(std::string_view method) {
  return method == "GET" || method == "POST" || method == "PUT" || method == "DELETE";
}

/// …/storage/ID/upload
bool is_upload(std::string_view method, std::string_view path) {
  return method == "POST" && path.starts_with("/nodes/") && path.ends_with("/upload") &&
         contains(path, "/storage/");
}

/// Verbs that anybody may call (pve-manager, HTTPServer.pm auth_handler).
bool is_open(std::string_view method, std::string_view path) {
  if (path == "/access/ticket") return method == "GET" || method == "POST";
  if (path == "/access/domains") return method == "GET";
  return path == "/access/vncticket" && method == "POST";
}

net::ServerResponse later(net::ServerResponse response, std::chrono::milliseconds delay) {
  response.delay = delay;
  return response;
}

}  // namespace

/// One request on its way.
struct ApiHandler::Exchange {
  net::ServerRequest request;
  net::Respond respond;
  Target target;
  Manner manner;
  service::Call call;
};

ApiHandler::ApiHandler(HandlerOptions options, service::Service& service, auth::Authenticator& authenticator,
                       sys::Clock& clock)
    : options_(std::move(options)),
      service_(service),
      authenticator_(authenticator),
      clock_(clock),
      workers_(options_.workers, options_.waiting),
      agent_workers_(options_.agent_workers, options_.waiting) {
  std::filesystem::remove_all(options_.upload_folder);  // what a killed daemon left
  sys::make_folder(options_.upload_folder, 0700);
}

ApiHandler::~ApiHandler() = default;

std::int64_t ApiHandler::now() const {
  return clock_.unix_seconds();
}

net::BodyVerdict ApiHandler::on_head(const net::ServerRequest& head) {
  const Target target = parse_target(head.target);
  net::BodyVerdict verdict;
  if (auto refusal = refuse_form(head, target)) {
    verdict.refuse = std::move(refusal);
    return verdict;
  }
  if (content_length(head).value_or(0) == 0) return verdict;  // nothing to receive: handle() sees to the rest
  auth::Identity who;
  if (auto refusal = authenticate(head, target, who)) {
    verdict.refuse = std::move(refusal);
    return verdict;
  }
  return body_verdict(head, target);
}

std::optional<net::ServerResponse> ApiHandler::refuse_form(const net::ServerRequest& head,
                                                           const Target& target) const {
  if (!head.tls) {
    const std::string location =
        "https://" + net::find_header(head.headers, "Host").value_or("localhost") + head.target;
    return head.method == "GET" ? redirect(301, "Moved Permanently", location, true, now())
                                : redirect(308, "Permanent Redirect", location, true, now());
  }
  if (!is_known_method(head.method))
    return bare(501, fmt::format("method '{}' not available", head.method), now());
  if (net::find_header(head.headers, "Transfer-Encoding"))
    return plain(501, "chunked transfer encoding not supported", now());
  if (target.is_api) return std::nullopt;
  return plain(
      501, target.whole.starts_with("/api2") ? "no such uri" : fmt::format("no such file '{}'", target.whole),
      now());
}

std::optional<net::ServerResponse> ApiHandler::authenticate(const net::ServerRequest& head,
                                                            const Target& target, auth::Identity& who) const {
  if (is_open(head.method, target.path)) return std::nullopt;
  try {
    const Credentials given = credentials_of(head.headers);
    if (given.api_token) {
      who = authenticator_.check_token(*given.api_token);
      return std::nullopt;
    }
    if (!given.ticket) throw wire::ApiError(401, "No ticket");
    who = authenticator_.check_ticket(*given.ticket);
    if (head.method != "GET" && !is_upload(head.method, target.path))
      authenticator_.check_csrf(who, given.csrf);
    return std::nullopt;
  } catch (const wire::ApiError& error) {
    if (target.format == Format::html) {
      return later(redirect(301, "Moved", "/api2/html/access/ticket", false, now()), options_.stranger_delay);
    }
    return later(bare(error.status(), error.reason(), now()), options_.stranger_delay);
  }
}

net::BodyVerdict ApiHandler::body_verdict(const net::ServerRequest& head, const Target& target) {
  net::BodyVerdict verdict;
  if (head.method != "POST" && head.method != "PUT") {
    verdict.refuse = plain(501, fmt::format("Unexpected content for method '{}'", head.method), now());
    return verdict;
  }
  const BodyKind kind = body_kind(head);
  const bool upload = is_upload(head.method, target.path);
  if (kind == BodyKind::other || (kind == BodyKind::multipart) != upload) {
    const std::string type = net::find_header(head.headers, "Content-Type").value_or("");
    verdict.refuse = plain(506, fmt::format("upload 'Content-Type '{}' not implemented", type), now());
    return verdict;
  }
  verdict.limit = upload ? kLargestUpload : kLargestBody;
  verdict.too_large = plain(501, "for data too large", now());
  if (upload) verdict.spool = options_.upload_folder / fmt::format("pveupload-{:016x}", ++uploads_);
  return verdict;
}

void ApiHandler::handle(net::ServerRequest request, net::Respond respond) {
  auto exchange = std::make_shared<Exchange>();
  exchange->target = parse_target(request.target);
  exchange->manner = manner_of(request, exchange->target.format);
  exchange->request = std::move(request);
  exchange->respond = std::move(respond);
  if (auto refusal = authenticate(exchange->request, exchange->target, exchange->call.who)) {
    exchange->respond(*std::move(refusal));
    return;
  }
  dispatch(std::move(exchange));
}

void ApiHandler::dispatch(std::shared_ptr<Exchange> exchange) {
  service::Pace pace = service::Pace::quick;
  try {
    pace = service_.route(exchange->request.method, exchange->target.path).verb->pace;
  } catch (const wire::ApiError&) {
    // answered below, like every other failure
  }
  if (pace == service::Pace::quick) {
    run(*exchange);
    return;
  }
  Workers& workers = pace == service::Pace::agent ? agent_workers_ : workers_;
  if (!workers.post([this, exchange] { run(*exchange); })) {
    exchange->respond(
        failure(exchange->manner, wire::ApiError(503, "the node is busy, try again later"), now()));
  }
}

void ApiHandler::run(Exchange& exchange) {
  exchange.respond(answer(exchange));
}

net::ServerResponse ApiHandler::answer(Exchange& exchange) {
  try {
    if (exchange.manner.format != Format::json && exchange.manner.format != Format::extjs) {
      return plain(
          501, fmt::format("no formatter for uri {}, {}", exchange.target.path, exchange.target.format_name),
          now());
    }
    exchange.call.params = parameters_of(exchange.request, exchange.target.query);
    const service::Route route = service_.route(exchange.request.method, exchange.target.path);
    if (!exchange.request.spool.empty())
      exchange.call.upload = take_upload(exchange.request, exchange.call.params);
    const service::Answer answer = service_.perform(route, std::move(exchange.call));
    return success(exchange.manner, answer, now());
  } catch (const wire::ApiError& error) {
    net::ServerResponse response = failure(exchange.manner, error, now());
    if (error.status() == 401) response.delay = options_.stranger_delay;
    return response;
  } catch (const Error& error) {
    log::debug("{} {}: {}", exchange.request.method, exchange.target.path, error.what());
    return failure(exchange.manner, wire::failure(error.what()), now());
  } catch (const std::exception& error) {
    log::error("{} {}: {}", exchange.request.method, exchange.target.path, error.what());
    return failure(exchange.manner, wire::failure("internal error"), now());
  }
}

}  // namespace hlid::node::http
