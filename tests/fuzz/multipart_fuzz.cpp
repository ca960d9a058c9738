// Multipart bodies: what is said about the file lies within the body, and broken ones are refused as such.
// The first line of the input is the Content-Type, the rest the body.
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "base/error.h"
#include "law.h"
#include "net/multipart.h"

namespace {

/// A body in memory that has a path.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : fd_(::memfd_create("body", MFD_CLOEXEC)) {
    LAW(::write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  ~MemoryFile() { ::close(fd_); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

void read(const std::string& boundary, std::string_view body) {
  const MemoryFile file(body);
  try {
    const auto form = hlid::net::read_multipart(file.path(), boundary);
    LAW(form.begin >= 0 && form.size >= 0);
    LAW(form.begin + form.size <= static_cast<std::int64_t>(body.size()));
  } catch (const hlid::Error& error) {
    LAW(error.code() == hlid::Errc::protocol);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto bytes = as_text(data, size);
  const auto line = bytes.substr(0, bytes.find('\n'));
  const auto rest = line.size() == bytes.size() ? std::string_view() : bytes.substr(line.size() + 1);
  hlid::net::parse_part_head(bytes);
  if (const auto boundary = hlid::net::multipart_boundary(line)) {
    LAW(!boundary->empty());
    read(*boundary, rest);
  }
  read("B", rest);
  return 0;
}
