// A homelab with a cluster in a home of its own, made by `hlid up` as a user would: the stand-in for RKE2
// (support/fake_rke2) in real machines. Each server's supervisor, its datastore and the cluster's API are
// published, so that a test can watch and use them from outside.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "etcd_writer.h"
#include "quorum_watch.h"
#include "support/lab.h"

namespace hlid::test {

/// What the lab's file says.
struct ClusterShape {
  int servers = 3, agents = 2;
  std::string version = "v1.34.1+rke2r1";  ///< of the releases that the stand-in has
  std::string system = "ubuntu-24.04";
  bool instant = true;
  std::string more_of_cluster = {};  ///< "    max_unavailable: 2\n"
};

class ClusterLab {
 public:
  explicit ClusterLab(const std::string& purpose, ClusterShape shape = {});

  Lab& lab() { return lab_; }
  /// The file for a shape; the test may run commands on any.
  std::string file(const ClusterShape& shape) const;
  void set_shape(ClusterShape shape) { shape_ = std::move(shape); }
  const ClusterShape& shape() const { return shape_; }

  /// `hlid WORDS… -f FILE`, with the present shape.
  sys::ProcessResult hlid(std::vector<std::string> words,
                          std::chrono::seconds patience = std::chrono::minutes(30));
  /// Template and machines, not yet the cluster. The distribution's own etcd, whose program the stand-in
  /// runs, is switched off in the servers: it would take the ports. Throws Error(failed).
  void make_machines();
  /// make_machines(), then the cluster. Throws Error(failed) with all that the commands said.
  void up();

  std::vector<std::string> server_names() const;  ///< "k8s-master-1"
  /// Runs `sh -c SCRIPT` as root in a machine; throws Error(failed).
  std::string in_machine(const std::string& name, const std::string& script);

  // From here on there is a cluster.

  /// Reads what admits to the servers' ports again: after a rotation, or a restore.
  void learn_access();
  /// Looks at every server of the shape, and of `others` that are to join.
  std::unique_ptr<QuorumWatch> watch(const std::vector<std::string>& others = {});
  std::unique_ptr<EtcdWriter> writer();
  /// "https://127.0.0.1:…": the API behind the virtual address.
  std::string api_url() const;

 private:
  /// Ports of this host, chosen once, for up to five servers.
  struct Ports {
    int supervisor = 0, datastore = 0;
  };
  Look look_at(const std::string& server) const;
  std::string save(const std::string& name, const std::string& text) const;

  ClusterShape shape_;
  Lab lab_;
  std::vector<Ports> ports_;
  int api_port_ = 0;
  WebIdentity etcd_;  ///< as a client of the datastore
  std::string user_;  ///< "server:…" for the supervisors
};

}  // namespace hlid::test
