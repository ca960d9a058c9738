#include "guest/dbus.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace hlid::guest::dbus {
namespace {

constexpr int kPatienceSeconds = 60;
constexpr std::size_t kFixedHeader = 16;
constexpr std::size_t kMostMessage = 1U << 20;
enum : unsigned char {
  kPath = 1,
  kInterface = 2,
  kMember = 3,
  kReplySerial = 5,
  kDestination = 6,
  kSignature = 8
};

/// One header field: its code and a variant of type `type` (o, s, g).
void put_field(std::string& out, unsigned char code, char type, const std::string& value) {
  align(out, 8);
  out += static_cast<char>(code);
  out += std::string{1, type, 0};
  if (type == 'g') {
    out += static_cast<char>(value.size());
    out += value + '\0';
  } else {
    put_text(out, value);
  }
}

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  if (at + 4 > bytes.size()) return 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8U | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

}  // namespace

void align(std::string& out, std::size_t to) {
  while (out.size() % to != 0) out += '\0';
}

void put_number(std::string& out, std::uint32_t value) {
  align(out, 4);
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift & 0xFFU);
}

void put_text(std::string& out, const std::string& text) {
  put_number(out, static_cast<std::uint32_t>(text.size()));
  out += text + '\0';
}

std::string call_message(std::uint32_t serial, const Method& method, const std::string& body) {
  std::string fields;
  put_field(fields, kPath, 'o', method.path);
  put_field(fields, kMember, 's', method.member);
  put_field(fields, kInterface, 's', method.interface);
  put_field(fields, kDestination, 's', method.destination);
  if (!body.empty()) put_field(fields, kSignature, 'g', method.signature);
  std::string message{'l', kMethodCall, 0, 1};
  put_number(message, static_cast<std::uint32_t>(body.size()));
  put_number(message, serial);
  put_number(message, static_cast<std::uint32_t>(fields.size()));
  message += fields;
  align(message, 8);
  return message + body;
}

unsigned char type_of(const std::string& message) {
  return static_cast<unsigned char>(message.at(1));
}

std::uint32_t reply_serial(const std::string& message) {
  // Of the header's fields only this one is a number (type u).
  const std::string mark{kReplySerial, 1, 'u', 0};
  const auto at = message.find(mark, kFixedHeader);
  return at == std::string::npos ? 0 : number_at(message, at + mark.size());
}

std::size_t body_of(const std::string& message) {
  return kFixedHeader + (number_at(message, 12) + std::size_t{7}) / 8 * 8;
}

std::string text_at(const std::string& message, std::size_t at) {
  const auto size = number_at(message, at);
  return at + 4 + size <= message.size() ? message.substr(at + 4, size) : "";
}

std::size_t next_text(const std::string& message, std::size_t at) {
  return (at + 4 + number_at(message, at) + 1 + std::size_t{3}) / 4 * 4;
}

Connection::Connection() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}

Connection::~Connection() {
  if (fd_ >= 0) ::close(fd_);
}

bool Connection::open(const char* socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket, sizeof address.sun_path - 1);
  const timeval patience{kPatienceSeconds, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
  // We are who the socket says we are (EXTERNAL): root, "0" in hexadecimal.
  if (!send(std::string("\0AUTH EXTERNAL 30\r\n", 19))) return false;
  const auto answer = read_line();
  return answer.starts_with("OK ") && send("BEGIN\r\n");
}

bool Connection::send(const std::string& bytes) const {
  for (std::size_t done = 0; done < bytes.size();) {
    const auto sent = ::send(fd_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    done += static_cast<std::size_t>(sent);
  }
  return true;
}

std::string Connection::receive() {
  if (!fill(kFixedHeader)) return {};
  const std::size_t size = body_of(buffer_) + number_at(buffer_, 4);
  if (size > kMostMessage || !fill(size)) return {};
  std::string message = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return message;
}

bool Connection::fill(std::size_t size) {
  char bytes[4096];
  while (buffer_.size() < size) {
    const auto got = ::read(fd_, bytes, sizeof bytes);
    if (got <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(got));
  }
  return true;
}

std::string Connection::read_line() {
  while (buffer_.find("\r\n") == std::string::npos)
    if (buffer_.size() > 1024 || !fill(buffer_.size() + 1)) return {};
  const auto end = buffer_.find("\r\n");
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

}  // namespace hlid::guest::dbus
