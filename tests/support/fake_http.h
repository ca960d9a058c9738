#pragma once
#include <deque>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "base/error.h"
#include "net/http_client.h"

namespace hlid::test {

/// A transport that reaches nobody: records each request and answers from a queue, then by `otherwise`.
class FakeHttp : public net::HttpClient {
 public:
  using Answer = std::function<net::HttpResponse(const net::HttpRequest&)>;

  void answer(net::HttpResponse response) {
    queue_.push_back([response = std::move(response)](const net::HttpRequest&) { return response; });
  }
  void answer_data(const std::string& data) { answer({200, "OK", {}, "{\"data\":" + data + "}"}); }
  void fail(Errc code, const std::string& text) {
    queue_.push_back([code, text](const net::HttpRequest&) -> net::HttpResponse { throw Error(code, text); });
  }
  void otherwise(Answer answer) { otherwise_ = std::move(answer); }

  net::HttpResponse send(const net::HttpRequest& request, std::stop_token = {}) override {
    Answer next;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      if (queue_.empty()) {
        next = otherwise_;
      } else {
        next = std::move(queue_.front());
        queue_.pop_front();
      }
    }
    if (!next) throw Error(Errc::failed, "the test expected no request {} {}", request.method, request.url);
    auto response = next(request);
    if (request.on_body && response.status / 100 == 2) {
      const auto body = std::exchange(response.body, {});
      if (!body.empty()) request.on_body(response, body);
    }
    return response;
  }
  std::vector<net::HttpRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  std::size_t unused_answers() const { return queue_.size(); }

 private:
  mutable std::mutex mutex_;
  std::deque<Answer> queue_;
  Answer otherwise_;
  std::vector<net::HttpRequest> requests_;
};

}  // namespace hlid::test
