#pragma once
#include <optional>
#include <string>
#include <vector>

#include "support/fake_rke2/access.h"
#include "support/fake_rke2/config.h"
#include "support/fake_rke2/etcd.h"

/// The etcd of this server: its name, its process, its membership.
namespace hlid::fake_rke2 {

class Datastore {
 public:
  explicit Datastore(const Config& config);
  /// The write-ahead log is there: a member, of whatever.
  bool exists() const;
  const std::string& member_name() const { return name_; }
  std::string peer_url() const;

  void start_new();
  /// Becomes a learner of the cluster behind `access`; ends the process when its node name is taken.
  void join(Access& access);
  /// Starts (or adopts) the member that is here.
  void start_existing();
  /// Waits until this member votes in a cluster that has its quorum; ends the process when it is no member.
  void wait_until_voter();
  /// Starts it again when it died. Ends the process when it was removed from the cluster.
  void watch();
  /// A snapshot database becomes a one-member cluster in D/server/db/etcd (etcdctl checks its hash). Throws.
  void restore(const fs::path& snapshot);
  /// Keeps the data, forgets the other members (--force-new-cluster); waits for it, then stops.
  void force_new_cluster();
  Etcd local(std::chrono::milliseconds timeout = std::chrono::seconds(5)) const;

 private:
  std::vector<std::string> arguments() const;
  void run(const std::vector<std::string>& more);
  void load_name();
  std::vector<Member> members_through(Access& access) const;
  bool removed() const;
  void check_membership(Etcd& etcd) const;

  Config config_;
  Layout layout_;
  std::string name_, ip_;
};

/// "<node>-<8 hex>" → "<node>".
std::string node_of_member(const std::string& member);

/// Members as /db/info writes them, and read back.
std::string members_json(const std::vector<Member>& members);
std::vector<Member> parse_members(const std::string& text);

}  // namespace hlid::fake_rke2
