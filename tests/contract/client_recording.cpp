#include "contract/client_recording.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/json.h"
#include "base/text.h"
#include "sys/files.h"

namespace hlid::test {
namespace {

namespace fs = std::filesystem;

fs::path folder() {
  const char* other = std::getenv("HLID_CONTRACT_DIR");
  return other != nullptr ? fs::path(other) : fs::path(HLID_SOURCE_DIR) / "tests/contract/recordings";
}

fs::path find_file(const std::string& number) {
  for (const auto& entry : fs::directory_iterator(folder()))
    if (entry.path().filename().string().starts_with(number + "-")) return entry.path();
  throw Error(Errc::not_found, "there is no recording {}", number);
}

void read_response(const json::object& object, Exchange& exchange) {
  exchange.response.status = static_cast<int>(object.at("status").as_int64());
  exchange.response.reason = get_string(object, "reason").value_or("");
  exchange.response.body = get_string(object, "body").value_or("");
  for (const auto& header : object.at("headers").as_array())
    exchange.response.headers.emplace_back(header.at(0).as_string(), header.at(1).as_string());
}

void read_task(const json::object& whole, Exchange& exchange) {
  const auto* task = whole.if_contains("task");
  if (task == nullptr || !task->is_object()) return;
  exchange.exit_status = get_string(task->get_object(), "exitstatus").value_or("");
  for (const auto& line : task->get_object().at("log").as_array())
    exchange.task_log.emplace_back(line.as_string());
}

/// Parameters of query and body, JSON flattened to the form that means the same, sorted.
net::Form parameters_of(const std::string& target, const std::string& body, const std::string& content_type) {
  net::Form form;
  const auto question = target.find('?');
  if (question != std::string::npos) form = net::decode_form(std::string_view(target).substr(question + 1));
  if (content_type.starts_with("application/json")) {
    const auto value = parse_json(body);
    for (const auto& item : value.as_object()) {
      const std::string key(item.key());
      if (item.value().is_array()) {
        for (const auto& one : item.value().get_array()) form.emplace_back(key, one.as_string());
      } else {
        form.emplace_back(key, get_string(value.as_object(), key).value_or(""));
      }
    }
  } else if (!content_type.starts_with("multipart/")) {
    const auto more = net::decode_form(body);
    form.insert(form.end(), more.begin(), more.end());
  }
  std::stable_sort(form.begin(), form.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return form;
}

std::string plain_path(const std::string& target) {
  auto path = percent_decode(target.substr(0, target.find('?')));
  if (path.ends_with('/')) path.pop_back();
  return path;
}

net::HttpResponse data_answer(const json::value& data) {
  return {200, "OK", {}, to_text(json::object{{"data", data}})};
}

}  // namespace

Exchange load_exchange(const std::string& number) {
  const auto file = find_file(number);
  const auto whole = parse_json(sys::read_file(file), file.string()).as_object();
  const auto& request = whole.at("request").as_object();
  Exchange exchange;
  exchange.name = file.stem().string();
  exchange.method = get_string(request, "method").value_or("");
  exchange.path = get_string(request, "path").value_or("");
  exchange.body = get_string(request, "body").value_or("");
  const auto& headers = request.at("headers").as_object();
  exchange.content_type = get_string(headers, "Content-Type").value_or("");
  exchange.authorization = get_string(headers, "Authorization").value_or("");
  read_response(whole.at("response").as_object(), exchange);
  read_task(whole, exchange);
  return exchange;
}

Replay::Replay(const std::string& number) : exchange_(load_exchange(number)) {
  http_.otherwise([this](const net::HttpRequest& request) { return answer(request); });
}

pve::Session Replay::session() {
  pve::Patience short_patience{std::chrono::seconds(2), std::chrono::seconds(2)};
  return {http_, {"https://asgard:8006", {Secret("root@pam!t=u")}}, clock_, short_patience};
}

net::HttpResponse Replay::answer(const net::HttpRequest& request) const {
  const bool about_a_task = contains(request.url, "/tasks/") && !contains(exchange_.path, "/tasks/");
  if (!about_a_task) return exchange_.response;
  if (contains(request.url, "/status"))
    return data_answer(json::object{{"status", "stopped"}, {"exitstatus", exchange_.exit_status}});
  json::array rows;
  for (const auto& line : exchange_.task_log)
    rows.push_back(json::object{{"n", static_cast<std::int64_t>(rows.size()) + 1}, {"t", line}});
  return data_answer(rows);
}

void Replay::expect_same_request(const net::Form& defaults) const {
  ASSERT_FALSE(http_.requests().empty());
  const auto sent = http_.requests().front();
  const auto target = sent.url.substr(std::string("https://asgard:8006").size());
  EXPECT_EQ(sent.method, exchange_.method);
  EXPECT_EQ(plain_path(target), plain_path(exchange_.path));
  const auto type = net::find_header(sent.headers, "Content-Type").value_or("");
  auto actual = parameters_of(target, sent.body, type);
  const auto recorded = parameters_of(exchange_.path, exchange_.body, exchange_.content_type);
  std::erase_if(actual, [&](const auto& parameter) {
    const bool may_be_left_out = std::find(defaults.begin(), defaults.end(), parameter) != defaults.end();
    return may_be_left_out && std::find(recorded.begin(), recorded.end(), parameter) == recorded.end();
  });
  EXPECT_EQ(actual, recorded) << exchange_.name;
}

}  // namespace hlid::test
