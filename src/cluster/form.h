#pragma once
#include <string>
#include <vector>

#include "cluster/probe.h"
#include "cluster/site.h"

/// From machines with an installed release to members of one cluster. Each verb looks first, does what is
/// missing and may be killed at any point: called again it goes on. (k3s pkg/cluster/bootstrap.go,
/// shouldBootstrapLoad, decides at start by what lies on the disk: a server with a write-ahead log goes on as
/// a member; one without, with `server:`, joins; one with neither founds a cluster. Everything here is about
/// never reaching the last case by accident.)
namespace hlid::cluster {

enum class Way {
  found,   ///< no server has a datastore: a new cluster
  resume,  ///< it has the datastore (or the half made one) of the one cluster
  join,    ///< the cluster lives on other servers
};

/// Pure: what forming on `name` means. `servers`: facts of all servers of the file. Throws
/// Error(conflict) "two-clusters: …" naming the machines when datastores of different clusters are found;
/// Error(precondition) "server-unreachable: …" when a new cluster would be founded and a server exists that
/// cannot be looked at; Error(conflict) "founding: …" when another server has begun to found.
Way decide_way(const std::vector<MachineFacts>& servers, const std::string& name);

/// Pure: throws the "two-clusters" error if the facts show more than one: different CAs on machines with a
/// datastore, or member lists that have nothing in common.
void require_one_cluster(const std::vector<MachineFacts>& servers);

/// What the verbs need of the installed release.
struct Materials {
  /// ReleaseSet::kube_vip_image. Empty although the lab has a vip: Error(precondition), unless the machine
  /// has the manifest already.
  std::string kube_vip_image;
};

/// The first server: probes ALL servers, then founds the cluster on `name`, resumes, or joins (when one
/// exists after all), and waits until its Node is Ready. The release is installed already
/// (Error(precondition) otherwise). Throws also what await_ready() throws.
void form(const Site& site, const std::string& name, const Materials& materials = {});

/// A further server, or an agent. Waits for a server that answers, takes the token from it (full form, so
/// that the CA is pinned), forgets what the cluster knows of a former machine of this name (its etcd member
/// only after it is sure to be dead), writes the configuration, starts, waits until the Node is Ready. A
/// machine that is a working member already is left alone.
void join(const Site& site, const std::string& name, const Materials& materials = {});

/// After forming: once the VIP answers (or, without VIP, another server's address), writes `server:` into
/// every machine's configuration, so that none can ever found a second cluster. Restarts nothing: who has a
/// datastore ignores it. Throws Error(timeout) when the VIP does not answer within 180 s.
void settle(const Site& site);

}  // namespace hlid::cluster
