#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

/// As much of D-Bus as a program needs that calls a few methods as root (D-Bus specification, "Message
/// Format" and "Authentication Protocol"): the clients of the distribution take a second to start on an
/// emulated processor.
namespace hlid::guest::dbus {

enum : unsigned char { kMethodCall = 1, kMethodReturn = 2, kError = 3, kSignal = 4 };

/// Marshalling, little endian: each value is aligned to its size, counted from the body's beginning.
void align(std::string& out, std::size_t to);
void put_number(std::string& out, std::uint32_t value);
void put_text(std::string& out, const std::string& text);

struct Method {
  std::string destination;
  std::string path;
  std::string interface;
  std::string member;
  std::string signature;  ///< of the body
};
/// The call as it goes over the wire. `serial` is what its reply is known by; not 0.
std::string call_message(std::uint32_t serial, const Method& method, const std::string& body);

unsigned char type_of(const std::string& message);
/// The call that a reply is for; 0: for none.
std::uint32_t reply_serial(const std::string& message);
/// Where the body begins.
std::size_t body_of(const std::string& message);
/// The string or object path at `at`, "" past the end; and where the one after it begins.
std::string text_at(const std::string& message, std::size_t at);
std::size_t next_text(const std::string& message, std::size_t at);

/// A connection to the socket of a bus or of a program that speaks D-Bus itself.
class Connection {
 public:
  Connection();
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// False, with errno: there is nobody, or nobody who lets us in. From then on nothing is waited for longer
  /// than a minute.
  bool open(const char* socket);
  bool send(const std::string& bytes) const;
  /// The next message, whole; "" at the end of the connection or when nothing comes.
  std::string receive();

 private:
  bool fill(std::size_t size);
  std::string read_line();

  int fd_;
  std::string buffer_;
};

}  // namespace hlid::guest::dbus
