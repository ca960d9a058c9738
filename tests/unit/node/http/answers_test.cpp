#include "node/http/answers.h"

#include <gtest/gtest.h>

#include <set>

#include "base/json.h"

namespace hlid::node::http {
namespace {

constexpr std::int64_t kNow = 1'795'388'825;

Manner json_manner() {
  return {Format::json, true, false};
}

TEST(Answers, CarryTheHeadersOfProxmox) {
  const net::ServerResponse response = success(json_manner(), service::Answer(nullptr), kNow);
  EXPECT_EQ(response.body, R"({"data":null})");
  EXPECT_EQ(net::find_header(response.headers, "Connection"), "Keep-Alive");
  EXPECT_EQ(net::find_header(response.headers, "Cache-Control"), "max-age=0");
  EXPECT_EQ(net::find_header(response.headers, "Pragma"), "no-cache");
  EXPECT_EQ(net::find_header(response.headers, "Server"), "pve-api-daemon/3.0");
  EXPECT_EQ(net::find_header(response.headers, "Date"), "Sun, 22 Nov 2026 23:07:05 GMT");
  EXPECT_EQ(net::find_header(response.headers, "Content-Type"), "application/json;charset=UTF-8");
  EXPECT_FALSE(response.close);
}

TEST(Answers, PutTotalsAndChangesBesideTheData) {
  service::Answer answer(json::array{1});
  answer.total = 7;
  answer.changes = "-a\n+b\n";
  EXPECT_EQ(success(json_manner(), answer, kNow).body, R"({"data":[1],"total":7,"changes":"-a\n+b\n"})");
}

TEST(Answers, TellFailuresInReasonAndBody) {
  const net::ServerResponse response =
      failure(json_manner(), wire::parameter_error("vmid", "VM 100 already exists"), kNow);
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.reason, "Parameter verification failed.");
  EXPECT_TRUE(response.close);
  const json::value body = parse_json(response.body);
  EXPECT_EQ(body.at("message"), "Parameter verification failed.\n");
  EXPECT_EQ(body.at("errors").at("vmid"), "VM 100 already exists");
  EXPECT_TRUE(body.at("data").is_null());
}

// A text with line ends must not become header lines.
TEST(Answers, KeepTheReasonOnOneLine) {
  const net::ServerResponse response = failure(json_manner(), wire::failure("a\r\nSet-Cookie: x\nb"), kNow);
  EXPECT_EQ(response.reason, "a");
  EXPECT_EQ(parse_json(response.body).at("message"), "a\nSet-Cookie: x\nb\n");
}

TEST(Answers, SayExtjsFailuresWithStatus200) {
  const Manner extjs{Format::extjs, true, false};
  const net::ServerResponse plain_error = failure(extjs, wire::failure("no"), kNow);
  EXPECT_EQ(plain_error.status, 200);
  EXPECT_EQ(parse_json(plain_error.body).at("status"), 500);
  EXPECT_EQ(parse_json(failure(extjs, wire::parameter_error("a", "b"), kNow).body).at("status"), "400");
  EXPECT_EQ(success(extjs, service::Answer(1), kNow).body, R"({"data":1,"success":1})");
}

TEST(Answers, CompressOnlyWhatIsBigAndWanted) {
  const Manner gzip{Format::json, true, true};
  const service::Answer big(std::string(5000, 'x'));
  const net::ServerResponse response = success(gzip, big, kNow);
  EXPECT_EQ(net::find_header(response.headers, "Content-Encoding"), "gzip");
  EXPECT_LT(response.body.size(), 200U);
  EXPECT_FALSE(net::find_header(success(gzip, service::Answer(1), kNow).headers, "Content-Encoding"));
  EXPECT_FALSE(net::find_header(success(json_manner(), big, kNow).headers, "Content-Encoding"));
}

TEST(Answers, CloseWhereTheClientWantsIt) {
  net::ServerRequest request;
  request.headers = {{"connection", "Close"}};
  EXPECT_FALSE(manner_of(request, Format::json).keep_alive);
  request.headers = {};
  EXPECT_TRUE(manner_of(request, Format::json).keep_alive);
  request.version = 10;
  EXPECT_FALSE(manner_of(request, Format::json).keep_alive);
}

}  // namespace
}  // namespace hlid::node::http
