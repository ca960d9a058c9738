#include "support/fake_rke2/https.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/journal.h"

namespace hlid::fake_rke2 {
namespace {

constexpr std::size_t kMost = 64U << 20;

/// Start line and headers as read; `rest` is what was read beyond.
struct Head {
  std::string start;
  std::map<std::string, std::string> headers;
};

/// nullopt at the end of the connection before a whole head.
std::optional<Head> read_head(TlsStream& stream, std::string& buffer) {
  std::size_t end = 0;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos)
    if (buffer.size() > 65536 || !stream.read_some(buffer)) return std::nullopt;
  const auto lines = split(buffer.substr(0, end), '\n');
  buffer.erase(0, end + 4);
  Head head;
  head.start = trim(lines[0]);
  for (std::size_t i = 1; i < lines.size(); ++i)
    if (const auto colon = lines[i].find(':'); colon != std::string::npos)
      head.headers[to_lower(trim(lines[i].substr(0, colon)))] = trim(lines[i].substr(colon + 1));
  return head;
}

void need(TlsStream& stream, std::string& buffer, std::size_t size) {
  if (size > kMost) throw Error(Errc::protocol, "body too large");
  while (buffer.size() < size)
    if (!stream.read_some(buffer)) throw Error(Errc::io, "unexpected EOF");
}

std::string take(std::string& buffer, std::size_t size) {
  auto out = buffer.substr(0, size);
  buffer.erase(0, size);
  return out;
}

std::string read_chunks(TlsStream& stream, std::string& buffer) {
  std::string body;
  for (;;) {
    std::size_t end = 0;
    while ((end = buffer.find("\r\n")) == std::string::npos)
      if (!stream.read_some(buffer)) throw Error(Errc::io, "unexpected EOF");
    const auto size = static_cast<std::size_t>(std::strtoul(buffer.c_str(), nullptr, 16));
    buffer.erase(0, end + 2);
    need(stream, buffer, size + 2);
    body += take(buffer, size);
    buffer.erase(0, 2);
    if (size == 0 || body.size() > kMost) return body;
  }
}

std::string read_body(TlsStream& stream, std::string& buffer, const Head& head, bool until_end) {
  if (const auto found = head.headers.find("transfer-encoding"); found != head.headers.end())
    return read_chunks(stream, buffer);
  if (const auto found = head.headers.find("content-length"); found != head.headers.end()) {
    const auto size = static_cast<std::size_t>(std::strtoul(found->second.c_str(), nullptr, 10));
    need(stream, buffer, size);
    return take(buffer, size);
  }
  if (!until_end) return {};
  while (stream.read_some(buffer)) {
  }
  return std::exchange(buffer, {});
}

std::map<std::string, std::string> parse_query(const std::string& text) {
  std::map<std::string, std::string> out;
  for (const auto& part : split_list(text, "&")) {
    const auto equals = part.find('=');
    const auto value = equals == std::string::npos ? std::string() : part.substr(equals + 1);
    out[percent_decode(part.substr(0, equals), true)] = percent_decode(value, true);
  }
  return out;
}

const char* reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 409:
      return "Conflict";
    case 429:
      return "Too Many Requests";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

void answer(TlsStream& stream, const Response& response, bool keep) {
  stream.write(fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}\r\n{}",
                           response.status, reason_of(response.status), response.type, response.body.size(),
                           keep ? "" : "Connection: close\r\n", response.body));
}

/// Reads one request and answers it; false when the connection is over.
bool serve_one(TlsStream& stream, std::string& buffer, const std::string& address, const Handler& handler) {
  const auto head = read_head(stream, buffer);
  if (!head) return false;
  const auto words = split(head->start, ' ');
  if (words.size() != 3) return false;
  Request request;
  request.method = words[0];
  const auto question = words[1].find('?');
  request.path = percent_decode(words[1].substr(0, question));
  if (question != std::string::npos) request.query = parse_query(words[1].substr(question + 1));
  request.headers = head->headers;
  if (request.header("expect") == "100-continue") stream.write("HTTP/1.1 100 Continue\r\n\r\n");
  request.body = read_body(stream, buffer, *head, false);
  request.peer_address = address;
  request.peer = stream.peer();
  Response response;
  try {
    response = handler(request);
  } catch (const std::exception& problem) {
    response = {500, std::string(problem.what()) + "\n", "text/plain"};
  }
  const bool keep = to_lower(request.header("connection")) != "close" && words[2] == "HTTP/1.1";
  answer(stream, response, keep);
  return keep;
}

void serve_connection(const SslContext& context, int socket, const std::string& address,
                      const Handler& handler) {
  try {
    auto stream = TlsStream::accept(context, sys::UniqueFd(socket));
    std::string buffer;
    while (serve_one(stream, buffer, address, handler)) {
    }
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the client went away
  }
}

sys::UniqueFd listen_on(int port) {
  sys::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) != 0 ||
      ::listen(fd.get(), 128) != 0)
    throw Error(Errc::io, "listen tcp :{}: bind: address already in use", port);
  return fd;
}

}  // namespace

std::string Request::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

std::optional<std::pair<std::string, std::string>> Request::basic() const {
  const auto text = header("authorization");
  if (!text.starts_with("Basic ")) return std::nullopt;
  try {
    const auto plain = base64_decode(trim(std::string_view(text).substr(6)));
    const auto colon = plain.find(':');
    if (colon == std::string::npos) return std::nullopt;
    return std::pair(plain.substr(0, colon), plain.substr(colon + 1));
  } catch (const Error&) {
    return std::nullopt;
  }
}

void serve(int port, SslContext context, Handler handler) {
  auto listener = listen_on(port);
  std::thread([listener = std::move(listener), context = std::move(context), handler = std::move(handler)] {
    for (;;) {
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const int socket = ::accept4(listener.get(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC);
      if (socket < 0) continue;
      char address[INET_ADDRSTRLEN] = "";
      ::inet_ntop(AF_INET, &from.sin_addr, address, sizeof address);
      std::thread(serve_connection, context, socket, std::string(address), handler).detach();
    }
  }).detach();
}

Client::Client(std::string host, int port, SslContext context, std::chrono::milliseconds timeout)
    : host_(std::move(host)), port_(port), context_(std::move(context)), timeout_(timeout) {}

Response Client::send(const std::string& method, const std::string& target, const std::string& body,
                      const std::map<std::string, std::string>& headers) {
  auto head = fmt::format("{} {} HTTP/1.1\r\nHost: {}:{}\r\n", method, target, host_, port_);
  for (const auto& [name, value] : headers) head += name + ": " + value + "\r\n";
  if (!body.empty() || method != "GET") head += fmt::format("Content-Length: {}\r\n", body.size());
  head += "\r\n";
  if (stream_) {
    try {
      return exchange(head, body);
    } catch (const Error& problem) {
      stream_.reset();
      if (problem.code() == Errc::timeout) throw;
    }
  }
  stream_ = TlsStream::connect(context_, host_, port_, timeout_);
  try {
    return exchange(head, body);
  } catch (const Error&) {
    stream_.reset();
    throw;
  }
}

Response Client::exchange(const std::string& head, const std::string& body) {
  stream_->write(head + body);
  std::string buffer;
  const auto answered = read_head(*stream_, buffer);
  if (!answered) throw Error(Errc::io, "EOF");
  const auto words = split(answered->start, ' ');
  Response response;
  response.status = words.size() > 1 ? std::atoi(words[1].c_str()) : 0;
  const auto connection = answered->headers.find("connection");
  response.body = read_body(*stream_, buffer, *answered, true);
  if (connection != answered->headers.end() && to_lower(connection->second) == "close") stream_.reset();
  return response;
}

std::string basic_authorization(const std::string& user, const std::string& password) {
  return "Basic " + base64_encode(user + ":" + password);
}

Endpoint parse_url(const std::string& url) {
  constexpr std::string_view scheme = "https://";
  if (!url.starts_with(scheme))
    throw Error(Errc::usage, "only https:// URLs are supported, invalid scheme: {}", url);
  auto rest = url.substr(scheme.size());
  rest = rest.substr(0, rest.find('/'));
  Endpoint out{rest, 443};
  if (const auto colon = rest.rfind(':'); colon != std::string::npos) {
    out.host = rest.substr(0, colon);
    out.port = std::atoi(rest.substr(colon + 1).c_str());
  }
  if (out.host.empty()) throw Error(Errc::usage, "invalid URL {}", url);
  return out;
}

}  // namespace hlid::fake_rke2
