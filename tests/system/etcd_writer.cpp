#include "etcd_writer.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "sys/clock.h"

namespace hlid::test {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr milliseconds kBetweenWrites{100};
const std::string kPrefix = "/hlid-test/writer/";

std::string key_of(int number) {
  return base64_encode(fmt::format("{}{:08}", kPrefix, number));
}

std::set<int> numbers_in(const std::string& body) {
  std::set<int> numbers;
  const auto answer = parse_json(body, "the range");
  const auto* list = answer.as_object().if_contains("kvs");
  if (list == nullptr) return numbers;
  for (const auto& item : list->as_array()) {
    const auto key = base64_decode(get_string(item.as_object(), "key").value_or(""));
    numbers.insert(std::stoi(key.substr(kPrefix.size())));
  }
  return numbers;
}

}  // namespace

EtcdWriter::EtcdWriter(std::vector<std::string> urls, WebIdentity identity)
    : urls_(std::move(urls)),
      identity_(std::move(identity)),
      thread_([this](const std::stop_token& stop) { write_on(stop); }) {}

EtcdWriter::~EtcdWriter() = default;

bool EtcdWriter::write(WebClient& client, int number) {
  const auto body =
      to_text(json::object{{"key", key_of(number)}, {"value", base64_encode(std::to_string(number))}});
  for (std::size_t i = 0; i < urls_.size(); ++i) {
    const auto at = (preferred_ + i) % urls_.size();
    const auto answer = client.send(urls_[at] + "/v3/kv/put", body);
    if (!answer || answer->status != 200) continue;
    preferred_ = at;
    return true;
  }
  return false;
}

/// The same number until it is acknowledged: a write that was not may be there all the same.
void EtcdWriter::write_on(const std::stop_token& stop) {
  WebClient client(identity_, std::chrono::seconds(2));
  sys::SystemClock clock;
  for (int number = 1; !stop.stop_requested();) {
    if (write(client, number)) {
      const std::scoped_lock lock(mutex_);
      acknowledged_.insert(number++);
      const auto now = clock.now();
      longest_ = std::max(longest_, duration_cast<milliseconds>(now - last_));
      last_ = now;
    }
    clock.sleep(kBetweenWrites, stop);
  }
}

std::size_t EtcdWriter::acknowledged() const {
  const std::scoped_lock lock(mutex_);
  return acknowledged_.size();
}

milliseconds EtcdWriter::longest_pause() const {
  const std::scoped_lock lock(mutex_);
  if (!thread_.joinable()) return longest_;
  return std::max(longest_, duration_cast<milliseconds>(std::chrono::steady_clock::now() - last_));
}

void EtcdWriter::forget_pauses() {
  const std::scoped_lock lock(mutex_);
  longest_ = {};
  last_ = std::chrono::steady_clock::now();
}

void EtcdWriter::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

std::vector<int> EtcdWriter::lost() const {
  WebClient client(identity_, std::chrono::seconds(30));
  auto end = kPrefix;
  ++end.back();  // the first key that does not begin with the prefix
  const auto body = to_text(json::object{{"key", base64_encode(kPrefix)}, {"range_end", base64_encode(end)}});
  for (const auto& url : urls_) {
    const auto answer = client.send(url + "/v3/kv/range", body);
    if (!answer || answer->status != 200) continue;
    const auto there = numbers_in(answer->body);
    std::vector<int> lost;
    const std::scoped_lock lock(mutex_);
    std::set_difference(acknowledged_.begin(), acknowledged_.end(), there.begin(), there.end(),
                        std::back_inserter(lost));
    return lost;
  }
  throw Error(Errc::failed, "no etcd answers of {}", join(urls_, ", "));
}

}  // namespace hlid::test
