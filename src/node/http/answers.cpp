#include "node/http/answers.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include <ctime>

#include "base/json.h"
#include "base/text.h"
#include "node/http/gzip.h"

namespace hlid::node::http {
namespace {

constexpr const char* kServer = "pve-api-daemon/3.0";
constexpr const char* kJson = "application/json;charset=UTF-8";
constexpr std::size_t kLeastToCompress = 1024;

net::Headers common_headers(bool keep_alive, std::int64_t now) {
  const std::string& date = http_date(now);
  return {{"Cache-Control", "max-age=0"},
          {"Connection", keep_alive ? "Keep-Alive" : "close"},
          {"Date", date},
          {"Pragma", "no-cache"},
          {"Server", kServer},
          {"Expires", date}};
}

std::string header(const net::ServerRequest& request, std::string_view name) {
  return to_lower(net::find_header(request.headers, name).value_or(""));
}

void set_body(net::ServerResponse& response, const Manner& manner, std::string body) {
  response.headers.emplace_back("Content-Type", kJson);
  if (manner.gzip && body.size() > kLeastToCompress) {
    response.headers.emplace_back("Content-Encoding", "gzip");
    body = gzip(body);
  }
  response.body = std::move(body);
}

net::ServerResponse response_of(int status, std::string_view reason, bool keep_alive, std::int64_t now) {
  net::ServerResponse response;
  response.status = status;
  response.reason = reason;
  response.close = !keep_alive;
  response.headers = common_headers(keep_alive, now);
  return response;
}

/// A reason phrase is one line of visible characters; others would split the answer or break clients.
std::string phrase_of(std::string_view text) {
  std::string phrase(text.substr(0, text.find_first_of("\r\n")));
  for (char& c : phrase) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return phrase;
}

/// Proxmox's texts end with a newline, but those of its router. A carriage return (QEMU's own texts end with
/// one) breaks the answer there, and is left out here.
std::string message_of(const wire::ApiError& error) {
  std::string text = replace_all(error.message(), "\r", "");
  while (text.ends_with('\n')) text.pop_back();
  return error.status() == 501 ? text : text + "\n";
}

}  // namespace

const std::string& http_date(std::int64_t unix_seconds) {
  thread_local std::int64_t known = -1;
  thread_local std::string text;
  if (known != unix_seconds) {
    known = unix_seconds;
    const std::time_t seconds = unix_seconds;
    std::tm time = {};
    ::gmtime_r(&seconds, &time);
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    text = fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[time.tm_wday], time.tm_mday,
                       kMonths[time.tm_mon], time.tm_year + 1900, time.tm_hour, time.tm_min, time.tm_sec);
  }
  return text;
}

Manner manner_of(const net::ServerRequest& request, Format format) {
  const std::string connection = header(request, "Connection");
  Manner manner;
  manner.format = format;
  manner.keep_alive =
      request.version >= 11 ? !contains(connection, "close") : contains(connection, "keep-alive");
  manner.gzip = contains(header(request, "Accept-Encoding"), "gzip");
  return manner;
}

net::ServerResponse success(const Manner& manner, const service::Answer& answer, std::int64_t now) {
  net::ServerResponse response = response_of(200, "OK", manner.keep_alive, now);
  std::string body = "{\"data\":";
  if (answer.text != nullptr) {
    body.reserve(answer.text->size() + 64);
    body += *answer.text;
  } else {
    body += to_text(answer.data);
  }
  if (answer.total) body += fmt::format(",\"total\":{}", *answer.total);
  if (answer.changes) body += ",\"changes\":" + to_text(json::value(*answer.changes));
  if (manner.format == Format::extjs) body += ",\"success\":1";
  body += '}';
  set_body(response, manner, std::move(body));
  return response;
}

net::ServerResponse failure(const Manner& manner, const wire::ApiError& error, std::int64_t now) {
  json::object body{{"data", nullptr}, {"message", message_of(error)}};
  if (!error.errors().empty()) {
    json::object errors;
    for (const auto& [name, text] : error.errors()) errors[name] = text;
    body["errors"] = std::move(errors);
  }
  if (manner.format == Format::extjs) {
    body["success"] = 0;
    body["status"] =
        error.errors().empty() ? json::value(error.status()) : json::value(std::to_string(error.status()));
    net::ServerResponse response = response_of(200, "OK", manner.keep_alive, now);
    set_body(response, manner, to_text(body));
    return response;
  }
  net::ServerResponse response = response_of(error.status(), phrase_of(error.reason()), false, now);
  set_body(response, manner, to_text(body));
  return response;
}

net::ServerResponse plain(int status, std::string_view text, std::int64_t now) {
  net::ServerResponse response = bare(status, text, now);
  response.body = text;
  return response;
}

net::ServerResponse bare(int status, std::string_view reason, std::int64_t now) {
  return response_of(status, phrase_of(reason), false, now);
}

net::ServerResponse redirect(int status, std::string_view reason, const std::string& location, bool body,
                             std::int64_t now) {
  net::ServerResponse response = bare(status, reason, now);
  response.headers.emplace_back("Location", phrase_of(location));
  if (body) response.body = reason;
  return response;
}

}  // namespace hlid::node::http
