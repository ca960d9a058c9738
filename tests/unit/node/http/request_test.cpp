#include <gtest/gtest.h>

#include "node/http/body.h"
#include "node/http/credentials.h"
#include "node/http/target.h"
#include "sys/files.h"
#include "wire/api_error.h"

namespace hlid::node::http {
namespace {

TEST(Target, SplitsFormatPathAndQuery) {
  const Target target = parse_target("/api2/json/nodes/asgard/qemu?full=1");
  EXPECT_TRUE(target.is_api);
  EXPECT_EQ(target.format, Format::json);
  EXPECT_EQ(target.path, "/nodes/asgard/qemu");
  EXPECT_EQ(target.query, "full=1");
  EXPECT_EQ(parse_target("/api2/extjs/version").format, Format::extjs);
  EXPECT_EQ(parse_target("/api2/xml/version").format, Format::unknown);
  EXPECT_EQ(parse_target("/api2/json//version").path, "//version");
  EXPECT_EQ(parse_target("/api2/json").path, "/");
}

TEST(Target, DecodesBeforeItSplits) {
  EXPECT_EQ(parse_target("/api2/json/a/local:iso%2Fx.iso").path, "/a/local:iso/x.iso");
}

TEST(Target, RefusesWhatIsNoApi) {
  for (const char* raw : {"/", "/api2", "/api2/", "/api2json/version", "/api2/J/x", "/index.html", ""}) {
    EXPECT_FALSE(parse_target(raw).is_api) << raw;
  }
}

TEST(Credentials, ComeFromCookieOrAuthorization) {
  const auto cookie = credentials_of({{"Cookie", "a=b; PVEAuthCookie=PVE%3Aroot%40pam%3A1%3A%3Asig; c=d"}});
  EXPECT_EQ(cookie.ticket, "PVE:root@pam:1::sig");
  const auto header = credentials_of({{"Authorization", "PVEAuthCookie=PVE:root@pam:1::sig"}});
  EXPECT_EQ(header.ticket, "PVE:root@pam:1::sig");
  const auto token =
      credentials_of({{"Authorization", "PVEAPIToken=root@pam!t=11111111-2222-3333-4444-555555555555"}});
  EXPECT_FALSE(token.ticket);
  EXPECT_EQ(token.api_token, "root@pam!t=11111111-2222-3333-4444-555555555555");
  const auto blank = credentials_of({{"Authorization", "PVEAPIToken root@pam!t=s"}});
  EXPECT_EQ(blank.api_token, "root@pam!t=s");
}

TEST(Credentials, PreferTheCookie) {
  const auto both = credentials_of({{"Authorization", "PVEAPIToken=garbage"}, {"Cookie", "PVEAuthCookie=t"}});
  EXPECT_EQ(both.ticket, "t");
  EXPECT_FALSE(both.api_token);
}

TEST(Credentials, AreNotFoundInsideOtherNames) {
  EXPECT_FALSE(credentials_of({{"Cookie", "XPVEAuthCookie=t"}}).ticket);
  EXPECT_FALSE(credentials_of({{"Cookie", "PVEAuthCookie"}}).ticket);
}

net::ServerRequest request_of(std::string body, std::string type = {}) {
  net::ServerRequest request;
  request.method = "POST";
  request.body = std::move(body);
  if (!type.empty()) request.headers.emplace_back("Content-Type", std::move(type));
  return request;
}

TEST(Body, IsAFormUnlessItSaysJson) {
  EXPECT_EQ(parameters_of(request_of("a=1&b=x%20y"), "").get("b"), "x y");
  EXPECT_EQ(
      parameters_of(request_of(R"({"a": 1, "b": true})", "application/json;charset=utf-8"), "").get("b"),
      "1");
  EXPECT_EQ(body_kind(request_of("", "text/plain")), BodyKind::other);
}

TEST(Body, QueryWinsAndTheCacheBreakerIsDropped) {
  const service::Params params = parameters_of(request_of("memory=1"), "memory=64&_dc=17");
  EXPECT_EQ(params.get("memory"), "64");
  EXPECT_FALSE(params.has("_dc"));
}

TEST(Body, BadJsonIsAnErrorNotACrash) {
  EXPECT_THROW(parameters_of(request_of("{\"a\":", "application/json"), ""), Error);
  EXPECT_THROW(parameters_of(request_of("[]", "application/json"), ""), Error);
  EXPECT_THROW(parameters_of(request_of(std::string(4000, '['), "application/json"), ""), Error);
}

TEST(Body, ABrokenUploadLeavesNothing) {
  const sys::TempFolder folder;
  net::ServerRequest request = request_of("", "multipart/form-data; boundary=xyz");
  request.spool = folder.path() / "spool";
  sys::write_durable(
      request.spool,
      "--xyz\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"a.iso\"\r\n\r\nabc");
  service::Params params;
  EXPECT_THROW(take_upload(request, params), wire::ApiError);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Body, TakesFieldsAndFileOfAnUpload) {
  const sys::TempFolder folder;
  net::ServerRequest request = request_of("", "multipart/form-data; boundary=xyz");
  request.spool = folder.path() / "spool";
  sys::write_durable(
      request.spool,
      "--xyz\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\niso\r\n--xyz\r\n"
      "Content-Disposition: form-data; name=\"filename\"; filename=\"a.iso\"\r\n\r\nabc\r\n--xyz--\r\n");
  service::Params params;
  const service::UploadedFile file = take_upload(request, params);
  EXPECT_EQ(params.get("content"), "iso");
  EXPECT_EQ(params.get("filename"), "a.iso");
  EXPECT_EQ(sys::read_file(file.path), "abc");
}

}  // namespace
}  // namespace hlid::node::http
