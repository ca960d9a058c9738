#include "net/multipart.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "sys/unique_fd.h"

namespace hlid::net {
namespace {

constexpr std::size_t kMaxFields = 64U << 10;
constexpr std::size_t kMaxBoundary = 70;  // RFC 2046, section 5.1.1

/// The parameters of a header value: `form-data; name="a"; filename="b"`.
std::optional<std::string> parameter(std::string_view value, std::string_view name) {
  std::size_t at = value.find(';');
  while (at != std::string_view::npos && at < value.size()) {
    auto rest = trim(value.substr(at + 1));
    const auto equals = rest.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const bool wanted = to_lower(trim(rest.substr(0, equals))) == name;
    rest = trim(rest.substr(equals + 1));
    std::string text;
    std::size_t used = 0;
    if (!rest.empty() && rest.front() == '"') {
      // Browsers send quotes in names as %22 and backslashes as they are, so nothing is unescaped but \".
      for (used = 1; used < rest.size() && rest[used] != '"'; ++used) {
        if (rest[used] == '\\' && used + 1 < rest.size() && rest[used + 1] == '"') ++used;
        text += rest[used];
      }
    } else {
      used = std::min(rest.find(';'), rest.size());
      text = trim(rest.substr(0, used));
    }
    if (wanted) return text;
    at = rest.find(';', used);
    value = rest;
  }
  return std::nullopt;
}

/// Reads a file forward in blocks, with a look-ahead that can be searched.
class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (!fd_) throw system_error("cannot open '" + path.string() + "'");
    struct stat info {};
    if (::fstat(fd_.get(), &info) != 0) throw system_error("cannot stat '" + path.string() + "'");
    size_ = info.st_size;
  }
  std::int64_t size() const { return size_; }
  std::string at(std::int64_t offset, std::size_t count) const {
    count = std::min(count, static_cast<std::size_t>(std::max<std::int64_t>(size_ - offset, 0)));
    std::string block(count, '\0');
    std::size_t done = 0;
    while (done < count) {
      const auto got =
          ::pread(fd_.get(), block.data() + done, count - done, offset + static_cast<off_t>(done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw system_error("cannot read an upload");
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    block.resize(done);
    return block;
  }
  /// First place of `mark` at or after `from`.
  std::optional<std::int64_t> find(std::string_view mark, std::int64_t from) const {
    constexpr std::size_t kBlock = 1U << 20;
    for (auto offset = from; offset < size_;) {
      const auto block = at(offset, kBlock);
      if (const auto found = block.find(mark); found != std::string::npos)
        return offset + static_cast<std::int64_t>(found);
      if (block.size() < kBlock) break;
      offset += static_cast<std::int64_t>(block.size() - mark.size() + 1);
    }
    return std::nullopt;
  }

 private:
  sys::UniqueFd fd_;
  std::int64_t size_ = 0;
};

}  // namespace

std::optional<std::string> multipart_boundary(std::string_view content_type) {
  const auto kind = to_lower(trim(content_type.substr(0, content_type.find(';'))));
  if (kind != "multipart/form-data") return std::nullopt;
  auto boundary = parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > kMaxBoundary) return std::nullopt;
  return boundary;
}

std::optional<PartHead> parse_part_head(std::string_view head) {
  for (const auto& line : split(head, '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string::npos || to_lower(trim(line.substr(0, colon))) != "content-disposition")
      continue;
    const auto value = std::string(trim(std::string_view(line).substr(colon + 1)));
    if (to_lower(trim(value.substr(0, value.find(';')))) != "form-data") return std::nullopt;
    const auto name = parameter(value, "name");
    if (!name) return std::nullopt;
    const auto file_name = parameter(value, "filename");
    return PartHead{*name, file_name.value_or(""), file_name.has_value()};
  }
  return std::nullopt;
}

Multipart read_multipart(const std::filesystem::path& file, const std::string& boundary) {
  const Reader reader(file);
  const std::string delimiter = "--" + boundary;
  Multipart result;
  // The first delimiter stands at the very start; a preamble before it is allowed and ignored.
  const auto start = reader.at(0, kMaxFields + delimiter.size());
  const auto first = start.rfind(delimiter, 0) == 0 ? 0 : start.find("\r\n" + delimiter);
  if (first == std::string::npos) throw Error(Errc::protocol, "the upload does not begin with its boundary");
  auto at = static_cast<std::int64_t>(first == 0 ? 0 : first + 2);
  while (true) {
    at += static_cast<std::int64_t>(delimiter.size());
    const auto end = reader.at(at, 2);
    if (end == "--") return result;
    if (end != "\r\n") throw Error(Errc::protocol, "the upload has a malformed boundary line");
    at += 2;
    if (at > static_cast<std::int64_t>(kMaxFields))
      throw Error(Errc::protocol, "the upload's fields are too large");
    const auto text = reader.at(at, kMaxFields);
    const auto blank = text.find("\r\n\r\n");
    if (blank == std::string::npos) throw Error(Errc::protocol, "the upload breaks off");
    const auto head = parse_part_head(std::string_view(text).substr(0, blank));
    if (!head) throw Error(Errc::protocol, "the upload has a part without a name");
    const auto begin = at + static_cast<std::int64_t>(blank) + 4;
    const auto stop = reader.find("\r\n" + delimiter, begin);
    if (!stop) throw Error(Errc::protocol, "the upload breaks off");
    if (head->is_file) {
      result.part_name = head->name;
      result.file_name = head->file_name;
      result.begin = begin;
      result.size = *stop - begin;
      return result;
    }
    if (*stop - begin > static_cast<std::int64_t>(kMaxFields))
      throw Error(Errc::protocol, "the upload's fields are too large");
    result.fields.emplace_back(head->name, reader.at(begin, static_cast<std::size_t>(*stop - begin)));
    at = *stop + 2;
  }
}

void extract_range(const std::filesystem::path& source, std::int64_t begin, std::int64_t size,
                   const std::filesystem::path& target) {
  const sys::UniqueFd from(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
  if (!from) throw system_error("cannot open '" + source.string() + "'");
  const sys::UniqueFd to(::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!to) throw system_error("cannot create '" + target.string() + "'");
  off64_t offset = begin;
  std::vector<char> buffer;
  for (auto left = size; left > 0;) {
    auto moved = ::copy_file_range(from.get(), &offset, to.get(), nullptr, static_cast<std::size_t>(left), 0);
    if (moved < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
      buffer.resize(1U << 20);
      const auto want = std::min<std::size_t>(buffer.size(), static_cast<std::size_t>(left));
      moved = ::pread(from.get(), buffer.data(), want, offset);
      if (moved > 0) {
        moved = ::write(to.get(), buffer.data(), static_cast<std::size_t>(moved));
        offset += std::max<ssize_t>(moved, 0);
      }
    }
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) throw system_error("cannot copy an upload to '" + target.string() + "'");
    if (moved == 0) throw Error(Errc::protocol, "the upload breaks off");
    left -= moved;
  }
}

}  // namespace hlid::net
