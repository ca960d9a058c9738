#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "support/fake_rke2/https.h"
#include "support/fake_rke2/layout.h"

/// etcd's v3 API through its JSON gateway (etcd 3.4, "gRPC gateway"): keys and values in base64, 64-bit
/// numbers as text. Errors of etcd are Error(failed) with its own message; not reached is io, timeout,
/// denied.
namespace hlid::fake_rke2 {

struct KeyValue {
  std::string key, value;
  std::int64_t modified = 0;  ///< revision
};

struct Member {
  std::uint64_t id = 0;
  std::string name;
  std::vector<std::string> peer_urls, client_urls;
  bool learner = false;
};

struct EtcdStatus {
  std::uint64_t member = 0, leader = 0;
  bool learner = false;
};

class Etcd {
 public:
  /// At https://<host>:2379 with the client certificate of `tls` (D/server/tls/etcd).
  Etcd(const std::string& host, const fs::path& tls,
       std::chrono::milliseconds timeout = std::chrono::seconds(5));

  std::optional<KeyValue> get(const std::string& key);
  std::vector<KeyValue> prefix(const std::string& key);
  void put(const std::string& key, const std::string& value, std::int64_t lease = 0);
  /// Only when it is still at `modified` (0: does not exist yet); false otherwise.
  bool put_if(const std::string& key, const std::string& value, std::int64_t modified,
              std::int64_t lease = 0);
  void erase(const std::string& key);
  std::int64_t grant(int seconds);
  bool keep_alive(std::int64_t lease);

  std::vector<Member> members();
  void add_learner(const std::string& peer_url);
  void promote(std::uint64_t id);
  void remove(std::uint64_t id);
  EtcdStatus status();
  /// A linearizable read succeeds: this member is a voter of a cluster that has its quorum.
  bool healthy();

 private:
  json::object call(const std::string& path, const json::object& body);
  Client client_;
};

}  // namespace hlid::fake_rke2
