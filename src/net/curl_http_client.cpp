#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <exception>
#include <mutex>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "net/freer.h"
#include "net/http_client.h"

namespace hlid::net {
namespace {

constexpr std::size_t kMaxAnswer = 256U << 20;

using Multi = std::unique_ptr<CURLM, Freer<curl_multi_cleanup>>;
using Easy = std::unique_ptr<CURL, Freer<curl_easy_cleanup>>;
using List = std::unique_ptr<curl_slist, Freer<curl_slist_free_all>>;
using Mime = std::unique_ptr<curl_mime, Freer<curl_mime_free>>;

/// A handle with the connections it keeps alive (they live in the multi handle).
struct Channel {
  Multi multi{curl_multi_init()};
  Easy easy{curl_easy_init()};
};

/// One exchange under way: what the callbacks need.
struct Exchange {
  const HttpRequest& request;
  const TlsTrust& trust;
  std::stop_token stop;
  HttpResponse response = {};
  bool stranger = false;  ///< the server's certificate is not the pinned one
  bool too_large = false;
  std::exception_ptr thrown = {};  ///< by on_body; an exception must not pass through libcurl
  std::chrono::steady_clock::time_point moved = std::chrono::steady_clock::now();  ///< last byte that came
  char detail[CURL_ERROR_SIZE] = "";
};

/// "HTTP/1.1 200 OK": begins a new answer, for a 100 may stand before the real one.
void take_status_line(HttpResponse& response, std::string_view line) {
  response = {};
  const auto code = line.find(' ');
  if (code == std::string_view::npos) return;
  const auto reason = line.find(' ', code + 1);
  if (reason != std::string_view::npos) response.reason = line.substr(reason + 1);
  for (const char c : line.substr(code + 1, 3))
    if (c >= '0' && c <= '9') response.status = response.status * 10 + (c - '0');
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* to) {
  static_cast<Exchange*>(to)->moved = std::chrono::steady_clock::now();
  auto& response = static_cast<Exchange*>(to)->response;
  std::string_view line(data, size);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (line.rfind("HTTP/", 0) == 0) {
    take_status_line(response, line);
  } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
    response.headers.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
  }
  return size;
}

/// To the one who asked; less than all of it tells libcurl to end the exchange.
std::size_t pass_on(Exchange& exchange, std::string_view piece) {
  try {
    exchange.request.on_body(exchange.response, piece);
    exchange.moved = std::chrono::steady_clock::now();  // a slow taker is not a slow server
    return piece.size();
  } catch (...) {
    exchange.thrown = std::current_exception();
    return 0;
  }
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* to) {
  auto& exchange = *static_cast<Exchange*>(to);
  exchange.moved = std::chrono::steady_clock::now();
  if (exchange.request.on_body && exchange.response.status / 100 == 2) return pass_on(exchange, {data, size});
  exchange.too_large = exchange.response.body.size() + size > kMaxAnswer;
  if (exchange.too_large) return 0;
  exchange.response.body.append(data, size);
  return size;
}

int on_progress(void* to, curl_off_t, curl_off_t, curl_off_t sent_total, curl_off_t sent) {
  auto& exchange = *static_cast<Exchange*>(to);
  const auto& upload = exchange.request.upload;
  if (upload && upload->on_progress && sent_total > 0) upload->on_progress(sent, sent_total);
  return exchange.stop.stop_requested() ? 1 : 0;
}

std::string print_fingerprint(const unsigned char* digest, unsigned size) {
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{}{:02X}", i == 0 ? "" : ":", digest[i]);
  return text;
}

/// Replaces OpenSSL's chain check when a certificate is pinned: this very certificate and no other.
int verify_fingerprint(X509_STORE_CTX* store, void* to) {
  auto& exchange = *static_cast<Exchange*>(to);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  auto* certificate = X509_STORE_CTX_get0_cert(store);
  const bool known = certificate != nullptr && X509_digest(certificate, EVP_sha256(), digest, &size) == 1 &&
                     print_fingerprint(digest, size) == to_upper(exchange.trust.fingerprint);
  exchange.stranger = !known;
  X509_STORE_CTX_set_error(store, known ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
  return known ? 1 : 0;
}

CURLcode on_tls_context(CURL*, void* context, void* to) {
  SSL_CTX_set_cert_verify_callback(static_cast<SSL_CTX*>(context), verify_fingerprint, to);
  return CURLE_OK;
}

template <typename Value>
void set(CURL* easy, CURLoption option, Value value) {
  const auto code = curl_easy_setopt(easy, option, value);
  if (code != CURLE_OK) throw Error(Errc::unsupported, "libcurl: {}", curl_easy_strerror(code));
}

void set_trust(CURL* easy, Exchange& exchange) {
  const auto& trust = exchange.trust;
  set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!trust.fingerprint.empty()) {
    set<char*>(easy, CURLOPT_CAINFO, nullptr);
    set<char*>(easy, CURLOPT_CAPATH, nullptr);
    set(easy, CURLOPT_SSL_VERIFYHOST, 0L);  // the certificate itself is known, whatever it is called
    set(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
    set(easy, CURLOPT_SSL_CTX_DATA, &exchange);
  } else if (!trust.ca_file.empty()) {
    set(easy, CURLOPT_CAINFO, trust.ca_file.c_str());
    set<char*>(easy, CURLOPT_CAPATH, nullptr);
  }
  // A proxy of the environment is for the internet, not for a server of our own.
  if (!trust.fingerprint.empty() || !trust.ca_file.empty()) set(easy, CURLOPT_NOPROXY, "*");
}

void set_times(CURL* easy, const HttpRequest& request) {
  const auto timeout = static_cast<long>(request.timeout.count());
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, std::min(timeout, 15'000L));
  if (request.on_body) return;  // perform() watches the progress
  if (!request.upload) {
    set(easy, CURLOPT_TIMEOUT_MS, timeout);
  } else {
    set(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(easy, CURLOPT_LOW_SPEED_TIME, std::max(1L, timeout / 1000));
  }
}

void set_method(CURL* easy, const HttpRequest& request) {
  if (request.method == "GET" && request.body.empty()) {
    set(easy, CURLOPT_HTTPGET, 1L);
  } else if (request.method == "HEAD") {
    set(easy, CURLOPT_NOBODY, 1L);
  } else {
    if (request.method == "POST" || !request.body.empty()) {
      set(easy, CURLOPT_POST, 1L);
      set(easy, CURLOPT_POSTFIELDS, request.body.data());
      set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    }
    set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

/// Fields first, then the file in a part called `filename`: what Proxmox's upload wants (notes 7).
Mime set_upload(CURL* easy, const Upload& upload) {
  Mime mime(curl_mime_init(easy));
  for (const auto& [name, value] : upload.fields) {
    auto* part = curl_mime_addpart(mime.get());
    curl_mime_name(part, name.c_str());
    curl_mime_data(part, value.data(), value.size());
  }
  auto* part = curl_mime_addpart(mime.get());
  curl_mime_name(part, "filename");
  curl_mime_type(part, "application/octet-stream");
  if (curl_mime_filedata(part, upload.file.c_str()) != CURLE_OK)
    throw Error(Errc::not_found, "cannot read '{}'", upload.file.string());
  curl_mime_filename(part, upload.file_name.c_str());
  set(easy, CURLOPT_MIMEPOST, mime.get());
  return mime;
}

List set_headers(CURL* easy, const HttpRequest& request) {
  List list;
  const auto add = [&](const std::string& line) {
    auto* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw Error(Errc::failed, "out of memory");
    list.release();
    list.reset(longer);
  };
  add("Expect:");  // Proxmox does not answer it; waiting for that costs a second
  for (const auto& [name, value] : request.headers) add(value.empty() ? name + ";" : name + ": " + value);
  set(easy, CURLOPT_HTTPHEADER, list.get());
  return list;
}

/// How long the exchange may wait for its next byte; at most a second, so that others are asked in between.
std::chrono::milliseconds patience_left(const Exchange& exchange) {
  constexpr std::chrono::milliseconds kAtOnce{1000};
  if (!exchange.request.on_body) return kAtOnce;
  const auto idle = std::chrono::steady_clock::now() - exchange.moved;
  const auto left = exchange.request.timeout - std::chrono::duration_cast<std::chrono::milliseconds>(idle);
  return std::clamp(left, std::chrono::milliseconds(0), kAtOnce);
}

/// Runs it to its end on this thread; a stop request wakes it at once.
CURLcode perform(Channel& channel, Exchange& exchange) {
  auto* multi = channel.multi.get();
  exchange.moved = std::chrono::steady_clock::now();
  curl_multi_add_handle(multi, channel.easy.get());
  const std::stop_callback wake(exchange.stop, [multi] { curl_multi_wakeup(multi); });
  CURLcode result = CURLE_OK;
  for (int running = 1; running > 0;) {
    const auto left = patience_left(exchange);
    if (exchange.stop.stop_requested()) result = CURLE_ABORTED_BY_CALLBACK;
    if (left == std::chrono::milliseconds(0)) result = CURLE_OPERATION_TIMEDOUT;
    if (result == CURLE_OK && curl_multi_perform(multi, &running) != CURLM_OK) result = CURLE_FAILED_INIT;
    if (result != CURLE_OK) break;
    if (running > 0) curl_multi_poll(multi, nullptr, 0, static_cast<int>(left.count()), nullptr);
  }
  int messages = 0;
  while (const auto* message = curl_multi_info_read(multi, &messages))
    if (message->msg == CURLMSG_DONE && result == CURLE_OK) result = message->data.result;
  curl_multi_remove_handle(multi, channel.easy.get());
  return result;
}

Errc kind_of(CURLcode code, const Exchange& exchange) {
  if (exchange.stranger) return Errc::denied;
  if (exchange.too_large) return Errc::protocol;
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return Errc::timeout;
    case CURLE_ABORTED_BY_CALLBACK:
      return Errc::interrupted;
    case CURLE_PEER_FAILED_VERIFICATION:
      return Errc::denied;
    case CURLE_URL_MALFORMAT:
      return Errc::usage;
    case CURLE_SSL_CACERT_BADFILE:
      return Errc::precondition;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return Errc::protocol;
    default:
      return Errc::io;
  }
}

/// "https://asgard.lan:8006" of a URL, for messages; queries may hold what no log shall show.
std::string server_of(const std::string& url) {
  const auto scheme = url.find("://");
  return url.substr(0, url.find_first_of("/?", scheme == std::string::npos ? 0 : scheme + 3));
}

Error failure(CURLcode code, const Exchange& exchange) {
  const auto server = server_of(exchange.request.url);
  if (code == CURLE_ABORTED_BY_CALLBACK) return {Errc::interrupted, "interrupted"};
  if (exchange.stranger)
    return Error(Errc::denied, "the certificate of '{}' is not the one that is trusted", server)
        .with_hint("compare its SHA-256 fingerprint with the one in the file");
  if (exchange.too_large)
    return {Errc::protocol, "the answer of '{}' is larger than {} MiB", server, kMaxAnswer >> 20};
  if (code == CURLE_OPERATION_TIMEDOUT && exchange.request.on_body)
    return {Errc::timeout, "nothing came from '{}' for {} s", server,
            static_cast<double>(exchange.request.timeout.count()) / 1000};
  const std::string detail = exchange.detail[0] != '\0' ? exchange.detail : curl_easy_strerror(code);
  return {kind_of(code, exchange), "request to '{}' failed: {}", server, detail};
}

}  // namespace

struct CurlHttpClient::State {
  explicit State(TlsTrust given) : trust(std::move(given)) {}
  TlsTrust trust;
  std::mutex mutex;
  std::vector<std::unique_ptr<Channel>> idle;

  std::unique_ptr<Channel> take() {
    const std::lock_guard lock(mutex);
    if (idle.empty()) return std::make_unique<Channel>();
    auto channel = std::move(idle.back());
    idle.pop_back();
    return channel;
  }
  void give_back(std::unique_ptr<Channel> channel) {
    constexpr std::size_t kKept = 16;
    const std::lock_guard lock(mutex);
    if (idle.size() < kKept) idle.push_back(std::move(channel));
  }
  CURLcode attempt(Channel& channel, Exchange& exchange, bool fresh);
};

CURLcode CurlHttpClient::State::attempt(Channel& channel, Exchange& exchange, bool fresh) {
  const auto& request = exchange.request;
  auto* easy = channel.easy.get();
  exchange.response = {};
  curl_easy_reset(easy);
  curl_multi_setopt(channel.multi.get(), CURLMOPT_MAXCONNECTS, 4L);
  set(easy, CURLOPT_URL, request.url.c_str());
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_TCP_NODELAY, 1L);
  set(easy, CURLOPT_ERRORBUFFER, exchange.detail);
  set(easy, CURLOPT_HEADERFUNCTION, on_header);
  set(easy, CURLOPT_HEADERDATA, &exchange);
  set(easy, CURLOPT_WRITEFUNCTION, on_body);
  set(easy, CURLOPT_WRITEDATA, &exchange);
  set(easy, CURLOPT_NOPROGRESS, 0L);
  set(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
  set(easy, CURLOPT_XFERINFODATA, &exchange);
  if (fresh) set(easy, CURLOPT_FRESH_CONNECT, 1L);
  set_trust(easy, exchange);
  set_times(easy, request);
  const auto mime = request.upload ? set_upload(easy, *request.upload) : nullptr;
  if (!request.upload) set_method(easy, request);
  const auto headers = set_headers(easy, request);
  const auto code = perform(channel, exchange);
  curl_easy_reset(easy);  // nothing of this request may be pointed to any longer
  return code;
}

CurlHttpClient::CurlHttpClient(TlsTrust trust) : state_(std::make_unique<State>(std::move(trust))) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (ready != CURLE_OK) throw Error(Errc::unsupported, "libcurl: {}", curl_easy_strerror(ready));
}

CurlHttpClient::~CurlHttpClient() = default;

HttpResponse CurlHttpClient::send(const HttpRequest& request, std::stop_token stop) {
  auto channel = state_->take();
  Exchange exchange{request, state_->trust, stop};
  // Only a GET may go over a kept connection: libcurl resends what such a connection swallowed, and a change
  // must not be made twice.
  const bool may_repeat = request.method == "GET";
  auto code = state_->attempt(*channel, exchange, !may_repeat);
  const bool broke_off = code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING;
  if (broke_off && may_repeat && exchange.response.status == 0)
    code = state_->attempt(*channel, exchange, true);
  if (exchange.thrown) std::rethrow_exception(exchange.thrown);
  if (code != CURLE_OK) throw failure(code, exchange);
  if (exchange.response.status == 0)
    throw Error(Errc::protocol, "'{}' does not speak HTTP", server_of(request.url));
  state_->give_back(std::move(channel));
  return std::move(exchange.response);
}

}  // namespace hlid::net
