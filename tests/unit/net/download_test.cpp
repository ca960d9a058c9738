#include "net/download.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "net/certificate.h"
#include "net/http_server.h"
#include "support/fake_http.h"
#include "sys/files.h"
#include "sys/unique_fd.h"

namespace hlid::net {
namespace {

const KeyPair& authority() {
  static const auto pair = make_authority("test");
  return pair;
}

/// A server of one file that does ranges as RFC 9110 has them; tests bend it.
class FileHandler : public HttpHandler {
 public:
  std::string content;
  std::string etag = "\"one\"";
  bool ranges = true;
  std::function<std::optional<ServerResponse>(const ServerRequest&)> before;
  std::vector<std::string> asked;  ///< the Range of each request for the file, "" for none

  BodyVerdict on_head(const ServerRequest&) override { return {}; }
  void handle(ServerRequest request, Respond respond) override {
    const std::lock_guard lock(mutex_);
    if (before)
      if (auto answer = before(request)) return respond(*answer);
    respond(answer(request));
  }

 private:
  ServerResponse answer(const ServerRequest& request) {
    ServerResponse response;
    const auto range = find_header(request.headers, "Range").value_or("");
    asked.push_back(range);
    if (!etag.empty()) response.headers.emplace_back("ETag", etag);
    const auto same = find_header(request.headers, "If-Range").value_or(etag) == etag;
    if (!ranges || range.empty() || !same) {
      response.body = content;
      return response;
    }
    const auto from = std::stoul(range.substr(6));
    if (from >= content.size()) {
      response.status = 416;
      response.reason = "Range Not Satisfiable";
      response.headers.emplace_back("Content-Range", "bytes */" + std::to_string(content.size()));
      return response;
    }
    response.status = 206;
    response.reason = "Partial Content";
    response.headers.emplace_back("Content-Range",
                                  fmt::format("bytes {}-{}/{}", from, content.size() - 1, content.size()));
    response.body = content.substr(from);
    return response;
  }
  std::mutex mutex_;
};

class DownloadTest : public ::testing::Test {
 protected:
  DownloadTest() {
    sys::write_durable(folder_.path() / "ca.pem", authority().certificate_pem);
    static const auto certificate = make_certificate(authority(), "localhost", {"127.0.0.1"});
    ServerOptions options;
    options.port = 0;
    options.certificate_pem = certificate.certificate_pem;
    options.key_pem = certificate.key_pem;
    server_.emplace(options, handler_);
    handler_.content = std::string(100'000, 'a') + std::string(100'000, 'b');
    client_.emplace(TlsTrust{(folder_.path() / "ca.pem").string(), ""});
  }
  std::string url(const std::string& path = "/file") {
    return fmt::format("https://127.0.0.1:{}{}", server_->port(), path);
  }
  Downloaded fetch() { return download(*client_, what()); }
  Download what() {
    Download what{.url = url(), .file = file_};
    what.limit = limit_;
    what.stall = stall_;
    what.on_progress = progress_;
    return what;
  }
  Errc failure() {
    try {
      fetch();
      return Errc::failed;
    } catch (const Error& error) {
      message_ = error.message();
      return error.code();
    }
  }
  /// What a process that was killed after `size` bytes leaves.
  void break_off_at(std::int64_t size) {
    progress_ = [size](std::int64_t done, std::int64_t) {
      if (done >= size) throw Error(Errc::interrupted, "killed");
    };
    EXPECT_EQ(failure(), Errc::interrupted);
    progress_ = {};
  }
  std::string file() { return sys::read_file(file_); }
  std::vector<std::string> files() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      if (entry.path().filename() != "ca.pem") names.push_back(entry.path().filename());
    return names;
  }

  sys::TempFolder folder_;
  std::filesystem::path file_ = folder_.path() / "file.part";
  FileHandler handler_;
  std::optional<HttpServer> server_;
  std::optional<CurlHttpClient> client_;
  std::int64_t limit_ = 1 << 20;
  std::chrono::milliseconds stall_{10'000};
  std::function<void(std::int64_t, std::int64_t)> progress_;
  std::string message_;
};

TEST_F(DownloadTest, BringsTheWholeFileAndTellsHowFarItIs) {
  std::int64_t last = 0, total = 0;
  bool grows = true;
  progress_ = [&](std::int64_t done, std::int64_t of) {
    grows = grows && done > last;
    last = done;
    total = of;
  };
  const auto got = fetch();
  EXPECT_EQ(file(), handler_.content);
  EXPECT_EQ(got.size, 200'000);
  EXPECT_EQ(got.kept, 0);
  EXPECT_TRUE(grows);
  EXPECT_EQ(last, 200'000);
  EXPECT_EQ(total, 200'000);
  EXPECT_EQ(files(), std::vector<std::string>{"file.part"});
}

TEST_F(DownloadTest, AnEmptyFileIsAFileToo) {
  handler_.content = "";
  EXPECT_EQ(fetch().size, 0);
  EXPECT_EQ(file(), "");
}

TEST_F(DownloadTest, GoesOnWhereItBrokeOff) {
  break_off_at(50'000);
  const auto kept = std::filesystem::file_size(file_);
  EXPECT_GE(kept, 50'000U);
  EXPECT_LT(kept, 200'000U);
  const auto got = fetch();
  EXPECT_EQ(file(), handler_.content);
  EXPECT_EQ(got.kept, static_cast<std::int64_t>(kept));
  EXPECT_EQ(handler_.asked, (std::vector<std::string>{"", fmt::format("bytes={}-", kept)}));
}

TEST_F(DownloadTest, AFileThatChangedMeanwhileStartsAnew) {
  break_off_at(50'000);
  handler_.content = std::string(150'000, 'c');
  handler_.etag = "\"two\"";
  const auto got = fetch();
  EXPECT_EQ(file(), handler_.content);
  EXPECT_EQ(got.kept, 0);
}

TEST_F(DownloadTest, AServerWithoutRangesStartsAnew) {
  handler_.ranges = false;
  handler_.etag = "";
  break_off_at(50'000);
  fetch();
  EXPECT_EQ(file(), handler_.content);
}

TEST_F(DownloadTest, AFileThatIsWholeAlreadyIsNotFetchedAgain) {
  sys::write_durable(file_, handler_.content);
  const auto got = fetch();
  EXPECT_EQ(got.kept, 200'000);
  EXPECT_EQ(file(), handler_.content);
}

TEST_F(DownloadTest, ALeftoverThatIsTooLongStartsAnew) {
  sys::write_durable(file_, handler_.content + "more");
  EXPECT_EQ(fetch().kept, 0);
  EXPECT_EQ(file(), handler_.content);
  EXPECT_EQ(handler_.asked.back(), "");
}

TEST_F(DownloadTest, APartThatWasNotAskedForStartsAnew) {
  sys::write_durable(file_, "aaaa");
  handler_.before = [](const ServerRequest& request) -> std::optional<ServerResponse> {
    if (!find_header(request.headers, "Range")) return std::nullopt;
    ServerResponse response{.status = 206, .reason = "Partial Content"};
    response.headers = {{"Content-Range", "bytes 7-9/200000"}};
    response.body = "xxx";
    return response;
  };
  fetch();
  EXPECT_EQ(file(), handler_.content);
}

TEST_F(DownloadTest, FollowsRedirectsToHttpsWithTheRange) {
  break_off_at(50'000);
  handler_.before = [this](const ServerRequest& request) -> std::optional<ServerResponse> {
    if (request.target == "/there?signature=secret") return std::nullopt;
    ServerResponse response{.status = 302, .reason = "Found"};
    response.headers = {{"Location", request.target == "/file" ? "next" : url("/there?signature=secret")}};
    response.body = "moved";
    return response;
  };
  EXPECT_GT(fetch().kept, 0);
  EXPECT_EQ(file(), handler_.content);
}

TEST_F(DownloadTest, RedirectsLeadToHttpsOnlyAndToAnEnd) {
  std::string location = fmt::format("http://127.0.0.1:{}/plain", server_->port());
  int asked = 0;
  handler_.before = [&](const ServerRequest&) -> std::optional<ServerResponse> {
    ++asked;
    ServerResponse response{.status = 307, .reason = "Temporary Redirect"};
    if (!location.empty()) response.headers = {{"Location", location}};
    return response;
  };
  EXPECT_EQ(failure(), Errc::protocol);
  EXPECT_NE(message_.find("not https"), std::string::npos) << message_;
  EXPECT_EQ(asked, 1);
  location = "/round";
  EXPECT_EQ(failure(), Errc::protocol);
  EXPECT_NE(message_.find("more than 5 times"), std::string::npos) << message_;
  location = "";
  EXPECT_EQ(failure(), Errc::protocol);
  location = "file:///etc/passwd";
  EXPECT_EQ(failure(), Errc::protocol);
}

TEST_F(DownloadTest, ARefusalSaysWhatItIsAndLeavesThePart) {
  sys::write_durable(file_, "aaaa");
  int status = 0;
  handler_.before = [&](const ServerRequest&) -> std::optional<ServerResponse> {
    ServerResponse response{.status = status, .reason = "No"};
    response.body = "an error page";
    return response;
  };
  const std::vector<std::pair<int, Errc>> cases = {{404, Errc::not_found}, {403, Errc::denied},
                                                   {429, Errc::io},        {503, Errc::io},
                                                   {418, Errc::protocol},  {416, Errc::protocol}};
  for (const auto& [given, code] : cases) {
    status = given;
    EXPECT_EQ(failure(), code) << given;
    if (given != 416) {
      EXPECT_EQ(file(), "aaaa") << given;
    }
  }
}

TEST_F(DownloadTest, MoreThanTheLimitIsRefused) {
  limit_ = 199'999;
  EXPECT_EQ(failure(), Errc::protocol);
  EXPECT_EQ(std::filesystem::file_size(file_), 0U);
}

TEST_F(DownloadTest, ASilentServerIsGivenUp) {
  class Silent : public HttpHandler {
   public:
    BodyVerdict on_head(const ServerRequest&) override { return {}; }
    void handle(ServerRequest, Respond respond) override { held.push_back(std::move(respond)); }
    std::vector<Respond> held;
  } silent;
  static const auto certificate = make_certificate(authority(), "localhost", {"127.0.0.1"});
  ServerOptions options{.port = 0,
                        .certificate_pem = certificate.certificate_pem,
                        .key_pem = certificate.key_pem,
                        .threads = 1};
  HttpServer server(options, silent);
  stall_ = std::chrono::milliseconds(60);
  auto asked = what();
  asked.url = fmt::format("https://127.0.0.1:{}/", server.port());
  try {
    download(*client_, asked);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::timeout) << error.what();
    EXPECT_NE(error.message().find("nothing came from"), std::string::npos) << error.message();
  }
}

/// Plain HTTP by hand: answers one request with these very bytes and closes.
class OneAnswer {
 public:
  explicit OneAnswer(std::string bytes) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_.get(), any, size), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    EXPECT_EQ(::getsockname(listener_.get(), any, &size), 0);
    port_ = ntohs(address.sin_port);
    served_ = std::async(std::launch::async, [this, bytes = std::move(bytes)] { serve(bytes); });
  }
  std::string url() const { return fmt::format("http://127.0.0.1:{}/file", port_); }

 private:
  void serve(const std::string& bytes) {
    const sys::UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
    std::string request;
    char block[4096];
    for (ssize_t got = 0; request.find("\r\n\r\n") == std::string::npos;) {
      if ((got = ::read(peer.get(), block, sizeof block)) <= 0) return;
      request.append(block, static_cast<std::size_t>(got));
    }
    EXPECT_EQ(::write(peer.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  sys::UniqueFd listener_;
  int port_ = 0;
  std::future<void> served_;
};

TEST_F(DownloadTest, AConnectionThatDiesInTheMiddleIsToldAndResumed) {
  const OneAnswer dying("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\nETag: \"one\"\r\n\r\n" +
                        handler_.content.substr(0, 120'000));
  auto asked = what();
  asked.url = dying.url();
  CurlHttpClient plain({});
  try {
    download(plain, asked);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::io) << error.what();
  }
  EXPECT_EQ(std::filesystem::file_size(file_), 120'000U);
  EXPECT_EQ(fetch().kept, 120'000);
  EXPECT_EQ(file(), handler_.content);
  EXPECT_EQ(handler_.asked.back(), "bytes=120000-");
}

TEST_F(DownloadTest, WithoutALengthTheLimitHoldsAll) {
  const OneAnswer endless("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + std::string(60'000, 'x'));
  limit_ = 50'000;
  auto asked = what();
  asked.url = endless.url();
  CurlHttpClient plain({});
  EXPECT_THROW(download(plain, asked), Error);
  EXPECT_LE(std::filesystem::file_size(file_), 50'000U);
}

TEST_F(DownloadTest, CanBeStopped) {
  std::stop_source source;
  auto asked = what();
  asked.on_progress = [&](std::int64_t, std::int64_t) { source.request_stop(); };
  try {
    download(*client_, asked, source.get_token());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::interrupted);
  }
}

/// However the file came in pieces, in the end it is the file.
TEST(DownloadInPieces, AnyBreaksGiveTheWholeFile) {
  const std::string content = "abcdefghijklmnopqrstuvwxyz";
  const sys::TempFolder folder;
  for (const bool ranges : {true, false})
    for (const std::size_t size : {0U, 1U, 9U, 25U, 26U}) {
      int breaks = 3;
      test::FakeHttp http;
      http.otherwise([&](const HttpRequest& request) -> HttpResponse {
        const auto range = find_header(request.headers, "Range").value_or("");
        const auto from = ranges && !range.empty() ? std::stoul(range.substr(6)) : 0UL;
        if (from > 0 && from >= content.size()) return {416, "No", {{"Content-Range", "bytes */26"}}, ""};
        HttpResponse response{from > 0 ? 206 : 200, "OK", {}, content.substr(from)};
        response.headers.emplace_back("Content-Length", std::to_string(response.body.size()));
        if (from > 0) response.headers.emplace_back("Content-Range", fmt::format("bytes {}-25/26", from));
        if (breaks-- <= 0) return response;
        if (size > 0) request.on_body(response, response.body.substr(0, size));
        throw Error(Errc::io, "broke off");
      });
      const Download what{.url = "https://host/file",
                          .file = folder.path() / fmt::format("{}{}", ranges, size)};
      for (int attempt = 0; breaks > 0 && attempt < 3; ++attempt) try {
          download(http, what);
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), Errc::io);
        }
      EXPECT_EQ(download(http, what).size, 26);
      EXPECT_EQ(sys::read_file(what.file), content) << ranges << " " << size;
    }
}

TEST(Location, IsResolvedAgainstTheUrl) {
  EXPECT_EQ(resolve_location("https://a.b/c/d?e", "https://x/y"), "https://x/y");
  EXPECT_EQ(resolve_location("https://a.b/c/d?e", "//x/y"), "https://x/y");
  EXPECT_EQ(resolve_location("https://a.b/c/d?e=/f", "/y?z=://"), "https://a.b/y?z=://");
  EXPECT_EQ(resolve_location("https://a.b/c/d?e=/f", "y"), "https://a.b/c/y");
  EXPECT_EQ(resolve_location("https://a.b", "y"), "https://a.b/y");
  EXPECT_EQ(resolve_location("https://a.b:1?q", "/y"), "https://a.b:1/y");
}

}  // namespace
}  // namespace hlid::net
