#include "contract/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "sys/unique_fd.h"

namespace hlid::test {
namespace {

constexpr int kPatienceSeconds = 60;

sys::UniqueFd connect_to(std::uint16_t port) {
  sys::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{kPatienceSeconds, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw system_error("cannot connect");
  }
  return fd;
}

/// A stream with or without TLS.
class Stream {
 public:
  Stream(std::uint16_t port, bool plain) : fd_(connect_to(port)) {
    if (plain) return;
    context_.reset(::SSL_CTX_new(::TLS_client_method()));
    ssl_.reset(::SSL_new(context_.get()));
    ::SSL_set_fd(ssl_.get(), fd_.get());
    if (::SSL_connect(ssl_.get()) != 1) throw Error(Errc::io, "TLS handshake failed");
  }

  /// false: the server does not want any more of it.
  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      const int most = static_cast<int>(std::min<std::size_t>(bytes.size(), 16384));
      const int done = ssl_ ? ::SSL_write(ssl_.get(), bytes.data(), most)
                            : static_cast<int>(::send(fd_.get(), bytes.data(), static_cast<std::size_t>(most),
                                                      MSG_NOSIGNAL));
      if (done <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(done));
    }
    return true;
  }

  /// Empty at the end.
  std::string read() {
    std::string buffer(65536, '\0');
    const int got = ssl_ ? ::SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()))
                         : static_cast<int>(::recv(fd_.get(), buffer.data(), buffer.size(), 0));
    buffer.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return buffer;
  }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
    void operator()(SSL* ssl) const { ::SSL_free(ssl); }
  };
  sys::UniqueFd fd_;
  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> ssl_;
};

RawResponse parse_head(const std::string& head) {
  RawResponse response;
  const auto lines = split(head, '\n');
  const std::string first(trim(lines.front()));
  const auto words = split(first, ' ');
  if (words.size() < 2) throw Error(Errc::protocol, "status line '{}'", first);
  response.status = std::stoi(words[1]);
  const auto reason = first.find(words[1]) + words[1].size();
  response.reason = reason < first.size() ? first.substr(reason + 1) : "";
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto colon = lines[i].find(':');
    if (colon == std::string::npos) continue;
    response.headers.emplace_back(lines[i].substr(0, colon),
                                  trim(std::string_view(lines[i]).substr(colon + 1)));
  }
  return response;
}

std::size_t body_length(const RawResponse& response, bool head) {
  if (head) return 0;
  for (const auto& [name, value] : response.headers) {
    if (to_lower(name) == "content-length") return std::stoul(value);
  }
  return std::string::npos;  // ends with the connection
}

}  // namespace

RawResponse send_raw(std::uint16_t port, const std::string& request, bool plain, bool head) {
  std::signal(SIGPIPE, SIG_IGN);
  Stream stream(port, plain);
  stream.write(request);  // what the server refuses early it answers early
  std::string text;
  auto end = std::string::npos;
  while ((end = text.find("\r\n\r\n")) == std::string::npos) {
    const std::string more = stream.read();
    if (more.empty()) throw Error(Errc::protocol, "no response, but '{}'", text);
    text += more;
  }
  RawResponse response = parse_head(text.substr(0, end));
  response.body = text.substr(end + 4);
  const std::size_t length = body_length(response, head);
  while (response.body.size() < length) {
    const std::string more = stream.read();
    if (more.empty()) break;
    response.body += more;
  }
  return response;
}

}  // namespace hlid::test
