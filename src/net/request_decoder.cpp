#include "net/request_decoder.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

namespace hlid::net {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using Code = beast::error_code;

/// Writes what Beast's parser finds straight into a ServerRequest.
class Sink : public http::basic_parser<true> {
 public:
  Sink(ServerRequest& request, int max_header_lines) : request_(request), lines_left_(max_header_lines) {}

 private:
  void on_request_impl(http::verb, beast::string_view method, beast::string_view target, int version,
                       Code&) override {
    request_.method.assign(method.data(), method.size());
    request_.target.assign(target.data(), target.size());
    request_.version = version;
  }
  void on_response_impl(int, beast::string_view, int, Code&) override {}
  void on_field_impl(http::field, beast::string_view name, beast::string_view value, Code& code) override {
    if (--lines_left_ < 0) {
      code = http::error::header_limit;
      return;
    }
    request_.headers.emplace_back(std::string(name.data(), name.size()),
                                  std::string(value.data(), value.size()));
  }
  void on_header_impl(Code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
  std::size_t on_body_impl(beast::string_view bytes, Code&) override {
    request_.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, Code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view bytes, Code&) override {
    request_.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_finish_impl(Code&) override {}

  ServerRequest& request_;
  int lines_left_;
};

}  // namespace

struct RequestDecoder::Parser {
  std::optional<Sink> sink;
};

RequestDecoder::RequestDecoder(std::size_t max_head_bytes, int max_header_lines)
    : max_head_bytes_(max_head_bytes),
      max_header_lines_(max_header_lines),
      parser_(std::make_unique<Parser>()) {
  next();
}

RequestDecoder::~RequestDecoder() = default;

void RequestDecoder::next() {
  request_ = {};
  state_ = State::head;
  idle_ = true;
  auto& sink = parser_->sink.emplace(request_, max_header_lines_);
  sink.header_limit(static_cast<std::uint32_t>(max_head_bytes_));
  sink.body_limit(boost::none);  // counted by the connection, which knows the verdict
}

std::optional<std::uint64_t> RequestDecoder::content_length() const {
  const auto length = parser_->sink->content_length();
  return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
}

std::size_t RequestDecoder::feed(std::string_view bytes) {
  if (state_ == State::done || state_ == State::failed || bytes.empty()) return 0;
  auto& sink = *parser_->sink;
  const bool was_head = state_ == State::head;
  if (was_head) idle_ = false;
  std::size_t used = 0;
  while (used < bytes.size() && !sink.is_done()) {
    Code code;
    const auto taken = sink.put(boost::asio::const_buffer(bytes.data() + used, bytes.size() - used), code);
    used += taken;
    if (code == http::error::need_more) break;
    if (code) {
      problem_ = code.message();
      state_ = State::failed;
      return used;
    }
    if (was_head && sink.is_header_done()) break;
    if (taken == 0) break;
  }
  if (sink.is_done()) {
    state_ = State::done;
  } else if (sink.is_header_done()) {
    state_ = State::body;
  } else if (bytes.size() - used > max_head_bytes_) {
    state_ = State::failed;
    problem_ = "header limit exceeded";
  }
  return used;
}

}  // namespace hlid::net
