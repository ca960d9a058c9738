#include "net/download.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "sys/files.h"
#include "sys/unique_fd.h"

namespace hlid::net {
namespace {

constexpr int kMostRedirects = 5;

std::optional<std::int64_t> to_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

/// "bytes 100-199/200", "bytes */200"; -1 stands for what is not said.
struct ContentRange {
  std::int64_t first = -1, total = -1;
};

ContentRange content_range(const HttpResponse& head) {
  ContentRange range;
  const auto text = find_header(head.headers, "Content-Range").value_or("");
  if (text.rfind("bytes ", 0) != 0) return range;
  const auto slash = text.find('/');
  if (slash == std::string::npos) return range;
  range.total = to_number(std::string_view(text).substr(slash + 1)).value_or(-1);
  range.first = to_number(std::string_view(text).substr(6, text.find('-') - 6)).value_or(-1);
  return range;
}

/// Only a strong validator proves that two answers are of the same bytes (RFC 9110, section 13.1.5).
std::string strong_etag(const HttpResponse& head) {
  const auto etag = find_header(head.headers, "ETag").value_or("");
  return etag.rfind("W/", 0) == 0 ? "" : etag;
}

/// For messages: queries of redirects hold signatures.
std::string without_query(const std::string& url) {
  return url.substr(0, url.find('?'));
}

/// The file under way.
class Part {
 public:
  explicit Part(const Download& what)
      : what_(what), fd_(::open(what.file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)) {
    if (!fd_) throw system_error("cannot write '" + what.file.string() + "'");
    size_ = kept_ = ::lseek(fd_.get(), 0, SEEK_END);
    etag_ = sys::read_file_if_exists(etag_file(), 4096).value_or("");
  }

  std::int64_t size() const { return size_; }
  std::int64_t kept() const { return kept_; }
  const std::string& etag() const { return etag_; }

  void start_anew() {
    if (::ftruncate(fd_.get(), 0) != 0) throw system_error("cannot shorten '" + what_.file.string() + "'");
    ::lseek(fd_.get(), 0, SEEK_SET);
    size_ = kept_ = 0;
  }
  /// Before the first byte of an answer: what it is of, and whether there is room for it.
  void expect(const HttpResponse& head, std::int64_t total) {
    total_ = total;
    if (total > what_.limit)
      throw Error(Errc::protocol, "'{}' has {}, more than the {} it may have", without_query(what_.url),
                  to_human(Bytes{total}), to_human(Bytes{what_.limit}));
    const auto folder = what_.file.has_parent_path() ? what_.file.parent_path() : ".";
    const auto free = sys::free_bytes(folder);
    if (total - size_ > free)
      throw Error(Errc::precondition, "no room for '{}': {} are needed in '{}', {} are free",
                  what_.file.filename().string(), to_human(Bytes{total - size_}), folder.string(),
                  to_human(Bytes{free}))
          .with_hint("make room there");
    if (const auto etag = strong_etag(head); etag != etag_) {
      etag_ = etag;
      sys::write_durable(etag_file(), etag);
    }
  }
  void append(std::string_view piece) {
    if (size_ + static_cast<std::int64_t>(piece.size()) > what_.limit)
      throw Error(Errc::protocol, "'{}' is longer than the {} it may have", without_query(what_.url),
                  to_human(Bytes{what_.limit}));
    while (!piece.empty()) {
      const auto written = ::write(fd_.get(), piece.data(), piece.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) throw system_error("cannot write '" + what_.file.string() + "'");
      piece.remove_prefix(static_cast<std::size_t>(written));
      size_ += written;
    }
    if (what_.on_progress) what_.on_progress(size_, total_);
  }
  void finish() {
    if (::fsync(fd_.get()) != 0) throw system_error("cannot sync '" + what_.file.string() + "'");
    sys::remove_durable(etag_file());
  }

 private:
  std::filesystem::path etag_file() const { return what_.file.string() + ".etag"; }

  const Download& what_;
  sys::UniqueFd fd_;
  std::int64_t size_ = 0, kept_ = 0, total_ = 0;
  std::string etag_;
};

/// What an answer means for the download.
enum class Next { done, follow, anew };

/// Puts the body of one answer where it belongs.
class Receiver {
 public:
  Receiver(Part& part, std::int64_t asked_from) : part_(part), asked_from_(asked_from) {}

  void take(const HttpResponse& head, std::string_view piece) {
    if (!begun_) begin(head);
    if (fits_) part_.append(piece);
  }
  /// An answer without a body has no pieces.
  void end(const HttpResponse& head) {
    if (!begun_) begin(head);
  }
  bool fits() const { return fits_; }

 private:
  void begin(const HttpResponse& head) {
    begun_ = true;
    if (head.status == 206) {
      const auto range = content_range(head);
      fits_ = asked_from_ > 0 && range.first == asked_from_;
      if (fits_) part_.expect(head, std::max<std::int64_t>(range.total, 0));
    } else {
      part_.start_anew();  // all of it, whatever was asked for
      part_.expect(head, to_number(find_header(head.headers, "Content-Length").value_or("")).value_or(0));
    }
  }
  Part& part_;
  std::int64_t asked_from_;
  bool begun_ = false;
  bool fits_ = true;
};

Error refusal(const HttpResponse& answer, const std::string& url) {
  const auto text =
      fmt::format("'{}' was answered with {} {}", without_query(url), answer.status, answer.reason);
  if (answer.status == 404 || answer.status == 410) return {Errc::not_found, "{}", text};
  if (answer.status == 401 || answer.status == 403) return {Errc::denied, "{}", text};
  if (answer.status == 429 || answer.status >= 500) return {Errc::io, "{}", text};
  return {Errc::protocol, "{}", text};
}

std::string redirect_of(const HttpResponse& answer, const std::string& url) {
  const auto location = find_header(answer.headers, "Location").value_or("");
  if (location.empty()) throw Error(Errc::protocol, "'{}' redirects to nowhere", without_query(url));
  auto next = resolve_location(url, location);
  if (to_lower(next.substr(0, 8)) != "https://")
    throw Error(Errc::protocol, "'{}' redirects to '{}', which is not https", without_query(url),
                without_query(next));
  return next;
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Next exchange(HttpClient& client, const Download& what, Part& part, std::string& url, std::stop_token stop) {
  HttpRequest request{.url = url, .timeout = what.stall};
  const auto from = part.size();
  if (from > 0) {
    request.headers.emplace_back("Range", fmt::format("bytes={}-", from));
    if (!part.etag().empty()) request.headers.emplace_back("If-Range", part.etag());
  }
  Receiver receiver(part, from);
  request.on_body = [&](const HttpResponse& head, std::string_view piece) { receiver.take(head, piece); };
  const auto answer = client.send(request, stop);
  if (is_redirect(answer.status)) {
    url = redirect_of(answer, url);
    return Next::follow;
  }
  if (answer.status == 416 && from > 0) return content_range(answer).total == from ? Next::done : Next::anew;
  if (answer.status != 200 && answer.status != 206) throw refusal(answer, url);
  receiver.end(answer);
  if (receiver.fits()) return Next::done;
  if (from == 0) throw Error(Errc::protocol, "'{}' sent a part that was not asked for", without_query(url));
  return Next::anew;
}

}  // namespace

std::string resolve_location(const std::string& url, const std::string& location) {
  const auto scheme = url.find("://");
  if (location.find("://") != std::string::npos && location.find("://") < location.find_first_of("/?#"))
    return location;
  if (location.rfind("//", 0) == 0) return url.substr(0, scheme + 1) + location;
  const auto path = url.find_first_of("/?#", scheme + 3);
  const auto origin = url.substr(0, path);
  if (location.rfind('/', 0) == 0 || path == std::string::npos)
    return origin + (location.rfind('/', 0) == 0 ? "" : "/") + location;
  const auto whole = url.substr(path, url.find_first_of("?#", path) - path);
  return origin + whole.substr(0, whole.rfind('/') + 1) + location;
}

Downloaded download(HttpClient& client, const Download& what, std::stop_token stop) {
  Part part(what);
  auto url = what.url;
  for (int redirects = 0; redirects <= kMostRedirects;) {
    switch (exchange(client, what, part, url, stop)) {
      case Next::done:
        part.finish();
        return {part.size(), part.kept()};
      case Next::follow:
        ++redirects;
        break;
      case Next::anew:
        part.start_anew();
        break;
    }
  }
  throw Error(Errc::protocol, "'{}' redirects more than {} times", without_query(what.url), kMostRedirects);
}

}  // namespace hlid::net
