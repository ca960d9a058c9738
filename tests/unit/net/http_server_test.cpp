#include "net/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include "base/error.h"
#include "net/certificate.h"
#include "net/http_client.h"
#include "sys/files.h"
#include "sys/unique_fd.h"

namespace hlid::net {
namespace {

/// Answers with what it was asked; a test may put its own functions in.
class EchoHandler : public HttpHandler {
 public:
  std::function<BodyVerdict(const ServerRequest&)> head = [](const ServerRequest&) { return BodyVerdict{}; };
  std::function<void(ServerRequest, Respond)> work = [](ServerRequest request, Respond respond) {
    ServerResponse response;
    response.headers = {{"X-Method", request.method}, {"X-Tls", request.tls ? "1" : "0"}};
    response.body = request.target + "|" + request.body;
    respond(std::move(response));
  };
  BodyVerdict on_head(const ServerRequest& request) override { return head(request); }
  void handle(ServerRequest request, Respond respond) override {
    work(std::move(request), std::move(respond));
  }
};

/// One authority and certificate for all tests: making keys takes longer than the tests.
const KeyPair& authority() {
  static const auto pair = make_authority("test");
  return pair;
}
const KeyPair& certificate() {
  static const auto pair = make_certificate(authority(), "localhost", {"localhost", "127.0.0.1"});
  return pair;
}

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() { sys::write_durable(folder_.path() / "ca.pem", authority().certificate_pem); }
  void serve(const std::function<void(ServerOptions&)>& change = {}) {
    ServerOptions options;
    options.port = 0;
    options.certificate_pem = certificate().certificate_pem;
    options.key_pem = certificate().key_pem;
    if (change) change(options);
    server_.emplace(options, handler_);
  }
  std::string url(const std::string& path) {
    return "https://127.0.0.1:" + std::to_string(server_->port()) + path;
  }
  TlsTrust by_ca() { return {(folder_.path() / "ca.pem").string(), ""}; }
  HttpResponse get(const std::string& path) {
    CurlHttpClient client(by_ca());
    HttpRequest request;
    request.url = url(path);
    return client.send(request);
  }
  /// Sends raw bytes in plain HTTP and returns all that comes until the server closes.
  std::string raw(const std::string& bytes) {
    const sys::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    std::string answer;
    char block[4096];
    for (ssize_t got = 0; (got = ::read(fd.get(), block, sizeof block)) > 0;)
      answer.append(block, static_cast<std::size_t>(got));
    return answer;
  }

  sys::TempFolder folder_;
  EchoHandler handler_;
  std::optional<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersOverTls) {
  serve();
  const auto response = get("/api2/json/version?x=1");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "/api2/json/version?x=1|");
  EXPECT_EQ(find_header(response.headers, "X-Tls"), "1");
  EXPECT_EQ(find_header(response.headers, "Content-Length"), std::to_string(response.body.size()));
}

TEST_F(HttpServerTest, SendsReasonPhraseAndHeadersAsTheyAre) {
  handler_.work = [](ServerRequest, Respond respond) {
    ServerResponse response;
    response.status = 596;
    response.reason = "Permission check failed (/vms/100, VM.Audit)\r\nX-Evil: 1";
    response.headers = {{"Cache-Control", "max-age=0"}, {"Connection", "close"}, {"Pragma", "no-cache"}};
    response.close = true;
    respond(std::move(response));
  };
  serve();
  const auto response = get("/");
  EXPECT_EQ(response.status, 596);
  EXPECT_EQ(response.reason, "Permission check failed (/vms/100, VM.Audit)X-Evil: 1");
  EXPECT_EQ(response.headers,
            (Headers{{"Cache-Control", "max-age=0"}, {"Connection", "close"}, {"Pragma", "no-cache"}}));
}

TEST_F(HttpServerTest, PlainHttpIsToldApart) {
  serve();
  const auto answer = raw("GET /x HTTP/1.1\r\nHost: a\r\n\r\nbroken\r\n\r\n");
  EXPECT_NE(answer.find("X-Tls: 0"), std::string::npos);
  EXPECT_NE(answer.find("/x|"), std::string::npos);
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  std::vector<std::jthread> slow;
  std::atomic<int> count{0};
  handler_.work = [&](ServerRequest request, Respond respond) {
    ServerResponse response;
    response.body = request.target + ";";
    response.close = request.target == "/3";
    // The first is answered by another thread, later than the second could be.
    if (++count == 1)
      slow.emplace_back([respond, response] { respond(response); });
    else
      respond(response);
  };
  serve();
  const auto answer = raw("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n");
  const auto one = answer.find("/1;"), two = answer.find("/2;"), three = answer.find("/3;");
  EXPECT_LT(one, two);
  EXPECT_LT(two, three);
  EXPECT_NE(three, std::string::npos);
}

TEST_F(HttpServerTest, MalformedRequestsAreAnsweredAndClosedAndTheServerGoesOn) {
  serve();
  for (const std::string wrong :
       {"nonsense\r\n\r\n", "GET / HTTP/3.0\r\n\r\n", "GET / HTTP/1.1\r\nbad\r\n\r\n"})
    EXPECT_EQ(raw(wrong).substr(0, 24), "HTTP/1.1 400 Bad Request") << wrong;
  EXPECT_EQ(raw("GET /" + std::string(20000, 'a') + " HTTP/1.1\r\n\r\n").substr(0, 12), "HTTP/1.1 400");
  EXPECT_EQ(get("/after").body, "/after|");
}

TEST_F(HttpServerTest, ABodyOverTheLimitIsRefused) {
  handler_.head = [](const ServerRequest&) {
    BodyVerdict verdict;
    verdict.limit = 10;
    verdict.too_large.status = 501;
    verdict.too_large.reason = "for data too large";
    return verdict;
  };
  serve();
  CurlHttpClient client(by_ca());
  HttpRequest request;
  request.method = "POST";
  request.url = url("/x");
  request.body = "0123456789";
  EXPECT_EQ(client.send(request).body, "/x|0123456789");
  request.body = std::string(3 << 20, 'x');
  const auto response = client.send(request);
  EXPECT_EQ(response.status, 501);
  EXPECT_EQ(response.reason, "for data too large");
  // The same for a chunked body, whose size nobody announced.
  EXPECT_EQ(
      raw("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n01234567890123456789\r\n").substr(9, 3),
      "501");
}

TEST_F(HttpServerTest, AnUploadIsSpooledToAFile) {
  const auto spool = folder_.path() / "spool";
  handler_.head = [&](const ServerRequest& request) {
    BodyVerdict verdict;
    verdict.limit = 1LL << 40;
    if (request.method == "POST") verdict.spool = spool;
    return verdict;
  };
  std::string seen;
  handler_.work = [&](ServerRequest request, Respond respond) {
    seen = sys::read_file(request.spool);
    ServerResponse response;
    response.body = request.body + find_header(request.headers, "Content-Length").value_or("none");
    respond(std::move(response));
  };
  serve();
  const std::string content(3'000'000, 'q');
  sys::write_durable(folder_.path() / "file", content);
  CurlHttpClient client(by_ca());
  HttpRequest request;
  request.method = "POST";
  request.url = url("/upload");
  std::int64_t sent = 0;
  request.upload =
      Upload{{{"content", "iso"}}, folder_.path() / "file", "a.iso", [&](std::int64_t done, std::int64_t) {
               sent = done;
             }};
  const auto response = client.send(request);
  EXPECT_EQ(response.body, std::to_string(seen.size()));
  EXPECT_GE(sent, static_cast<std::int64_t>(content.size()));
  const auto field = seen.find("name=\"content\""), file = seen.find("name=\"filename\"; filename=\"a.iso\"");
  EXPECT_LT(field, file);
  EXPECT_NE(file, std::string::npos);
  EXPECT_NE(seen.find(content), std::string::npos);
}

TEST_F(HttpServerTest, ARefusedUploadStillGetsItsAnswer) {
  handler_.head = [](const ServerRequest& request) {
    BodyVerdict verdict;
    if (request.method == "POST") {
      verdict.refuse.emplace();
      verdict.refuse->status = 401;
      verdict.refuse->reason = "No ticket";
    }
    return verdict;
  };
  serve();
  CurlHttpClient client(by_ca());
  HttpRequest request;
  request.method = "POST";
  request.url = url("/upload");
  request.body = std::string(5 << 20, 'x');
  EXPECT_EQ(client.send(request).reason, "No ticket");
}

TEST_F(HttpServerTest, ExpectContinueIsAnswered) {
  serve();
  const auto answer =
      raw("POST /e HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab"
          "bad\r\n\r\n");
  EXPECT_NE(answer.find("/e|ab"), std::string::npos);
}

TEST_F(HttpServerTest, AnAnswerThatNeverComesIsA500) {
  handler_.work = [](ServerRequest, const Respond&) {};
  serve();
  EXPECT_EQ(get("/").status, 500);
  handler_.work = [](ServerRequest, const Respond&) { throw Error(Errc::failed, "boom"); };
  EXPECT_EQ(get("/").status, 500);
}

TEST_F(HttpServerTest, ADelayedAnswerHoldsNobodyUp) {
  handler_.work = [](ServerRequest request, Respond respond) {
    ServerResponse response;
    response.body = request.target;
    if (request.target == "/slow") response.delay = std::chrono::milliseconds(50);
    respond(std::move(response));
  };
  serve([](ServerOptions& options) { options.threads = 1; });
  auto slow = std::async(std::launch::async, [&] { return get("/slow").body; });
  EXPECT_EQ(get("/fast").body, "/fast");
  EXPECT_EQ(slow.get(), "/slow");
}

TEST_F(HttpServerTest, SilentClientsAreDropped) {
  serve([](ServerOptions& options) {
    options.header_timeout = std::chrono::seconds(0);
    options.idle_timeout = std::chrono::seconds(0);
  });
  EXPECT_EQ(raw(""), "");
  EXPECT_EQ(raw("GET / HT"), "");
}

TEST_F(HttpServerTest, ConnectionsAreCapped) {
  serve([](ServerOptions& options) { options.max_connections = 0; });
  CurlHttpClient client(by_ca());
  HttpRequest request;
  request.url = url("/");
  EXPECT_THROW(client.send(request), Error);
}

TEST_F(HttpServerTest, ATakenPortIsAnError) {
  serve();
  ServerOptions options;
  options.port = server_->port();
  options.certificate_pem = certificate().certificate_pem;
  options.key_pem = certificate().key_pem;
  EXPECT_THROW(HttpServer(options, handler_), Error);
}

TEST_F(HttpServerTest, StopsWhileAnswersAreUnderWay) {
  Respond held;
  std::promise<void> arrived;
  handler_.work = [&](ServerRequest, Respond respond) {
    held = std::move(respond);
    arrived.set_value();
  };
  serve();
  auto client = std::async(std::launch::async, [&] { return get("/").status; });
  arrived.get_future().wait();
  server_.reset();
  held(ServerResponse{});
  held = nullptr;
  EXPECT_THROW(client.get(), Error);
}

TEST_F(HttpServerTest, TheClientKeepsItsConnection) {
  serve();
  CurlHttpClient client(by_ca());
  HttpRequest request;
  request.url = url("/");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.send(request).status, 200);
}

TEST_F(HttpServerTest, AGetOnAConnectionThatDiedIsSentAgain) {
  std::atomic<int> served{0};
  handler_.work = [&](ServerRequest, Respond respond) {
    ServerResponse response;
    response.body = std::to_string(++served);
    respond(std::move(response));
  };
  serve([](ServerOptions& options) { options.idle_timeout = std::chrono::seconds(0); });
  CurlHttpClient client(by_ca());
  HttpRequest request;
  request.url = url("/");
  EXPECT_EQ(client.send(request).body, "1");
  const auto port = server_->port();
  server_.reset();
  serve([port](ServerOptions& options) { options.port = port; });
  EXPECT_EQ(client.send(request).body, "2");
}

TEST_F(HttpServerTest, OnlyTheTrustedCertificateIsAccepted) {
  serve();
  HttpRequest request;
  request.url = url("/");
  const auto code_with = [&](const TlsTrust& trust) -> std::optional<Errc> {
    try {
      CurlHttpClient(trust).send(request);
      return std::nullopt;
    } catch (const Error& error) {
      return error.code();
    }
  };
  EXPECT_EQ(code_with(by_ca()), std::nullopt);
  EXPECT_EQ(code_with({}), Errc::denied);
  EXPECT_EQ(code_with({"", fingerprint(certificate().certificate_pem)}), std::nullopt);
  EXPECT_EQ(code_with({"", fingerprint(authority().certificate_pem)}), Errc::denied);
  EXPECT_EQ(code_with({"", "junk"}), Errc::denied);
  sys::write_durable(folder_.path() / "other.pem", make_authority("other").certificate_pem);
  EXPECT_EQ(code_with({(folder_.path() / "other.pem").string(), ""}), Errc::denied);
}

TEST_F(HttpServerTest, ACallCanBeStopped) {
  Respond held;
  std::promise<void> arrived;
  handler_.work = [&](ServerRequest, Respond respond) {
    held = std::move(respond);
    arrived.set_value();
  };
  serve();
  std::stop_source source;
  auto call = std::async(std::launch::async, [&] {
    CurlHttpClient client(by_ca());
    HttpRequest request;
    request.url = url("/");
    try {
      client.send(request, source.get_token());
      return Errc::failed;
    } catch (const Error& error) {
      return error.code();
    }
  });
  arrived.get_future().wait();
  source.request_stop();
  EXPECT_EQ(call.get(), Errc::interrupted);
}

TEST(CurlHttpClient, NobodyThereIsAnIoError) {
  CurlHttpClient client({});
  HttpRequest request;
  request.url = "https://127.0.0.1:1/";
  try {
    client.send(request);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::io);
    EXPECT_NE(error.message().find("127.0.0.1:1"), std::string::npos);
  }
}

TEST(Certificate, HasTwoYearsAndAFingerprint) {
  EXPECT_NEAR(days_left(certificate().certificate_pem), 730, 1);
  EXPECT_NEAR(days_left(authority().certificate_pem), 3650, 1);
  EXPECT_EQ(fingerprint(certificate().certificate_pem).size(), 95U);
  EXPECT_THROW(days_left("junk"), Error);
}

}  // namespace
}  // namespace hlid::net
