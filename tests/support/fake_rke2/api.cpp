#include "support/fake_rke2/api.h"

#include "base/error.h"
#include "base/text.h"
#include "sys/files.h"

namespace hlid::fake_rke2 {
namespace {

ApiProblem problem_of(const Response& answer) {
  ApiProblem problem;
  problem.status = answer.status;
  problem.message = trim(answer.body);
  try {
    const auto value = parse_json(answer.body);
    problem.reason = get_string(value.as_object(), "reason").value_or("");
    problem.message = get_string(value.as_object(), "message").value_or(problem.message);
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): plain text is fine too
  }
  return problem;
}

}  // namespace

Api::Api(std::vector<Endpoint> endpoints, SslContext context, std::chrono::milliseconds timeout)
    : context_(std::move(context)), timeout_(timeout), endpoints_(std::move(endpoints)) {}

void Api::use(std::vector<Endpoint> endpoints) {
  endpoints_ = std::move(endpoints);
}

std::string Api::raw(const std::string& method, const std::string& path, const std::string& body) {
  const std::map<std::string, std::string> headers{{"Content-Type", "application/json"}};
  std::optional<Response> answer;
  if (client_) {
    try {
      answer = client_->send(method, path, body, headers);
    } catch (const Error&) {
      client_.reset();
      if (endpoints_.size() == 1) throw;
    }
  }
  for (std::size_t i = 0; !answer && i < endpoints_.size(); ++i) {
    client_.emplace(endpoints_[i].host, endpoints_[i].port, context_, timeout_);
    try {
      answer = client_->send(method, path, body, headers);
    } catch (const Error&) {
      client_.reset();
      if (i + 1 == endpoints_.size()) throw;
    }
  }
  if (!answer) throw Error(Errc::io, "no API server is known");
  if (answer->status / 100 != 2) throw problem_of(*answer);
  return answer->body;
}

std::optional<json::object> Api::get(const std::string& path) {
  try {
    return parse_json(raw("GET", path)).as_object();
  } catch (const ApiProblem& problem) {
    if (problem.status == 404) return std::nullopt;
    throw;
  }
}

std::vector<json::value> Api::list(const std::string& path) {
  const auto answer = parse_json(raw("GET", path));
  const auto& items = answer.at("items").as_array();
  return {items.begin(), items.end()};
}

void Api::put(const std::string& path, const json::object& object) {
  raw("PUT", path, to_text(object));
}

void Api::update(const std::string& path, const std::function<bool(json::object&)>& change) {
  for (int attempt = 0;; ++attempt) {
    auto object = get(path).value_or(json::object());
    if (!change(object)) return;
    try {
      put(path, object);
      return;
    } catch (const ApiProblem& problem) {
      if (problem.status != 409 || attempt == 5) throw;
    }
  }
}

bool Api::remove(const std::string& path) {
  try {
    raw("DELETE", path);
    return true;
  } catch (const ApiProblem& problem) {
    if (problem.status == 404) return false;
    throw;
  }
}

Api local_admin(const Layout& layout, std::chrono::milliseconds timeout) {
  const auto ca = sys::read_file(layout.tls() / "server-ca.crt");
  return Api({{"127.0.0.1", 6443}}, client_context(ca, load(layout.tls() / "client-admin")), timeout);
}

}  // namespace hlid::fake_rke2
