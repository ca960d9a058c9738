// What lies below a path: the browsing lists of the API, and the lists that are always empty here.
#include <boost/json.hpp>

#include "base/text.h"
#include "node/service/verbs.h"

namespace hlid::node::service {
namespace {

/// "a b c" -> [{"subdir":"a"},…]
json::array named(std::string_view key, std::string_view words) {
  json::array list;
  for (const std::string& word : split_list(words, " ")) list.push_back(json::object{{key, word}});
  return list;
}

Answer root(Parts&, Call&) {
  return named("subdir", "version cluster nodes storage access pools");
}

Answer access(Parts&, Call&) {
  return named("subdir", "users groups roles acl domains openid tfa ticket password");
}

Answer cluster(Parts&, Call&) {
  return named(
      "name",
      "acme backup backup-info ceph config firewall ha jobs log mapping metrics notifications nextid options "
      "replication resources status tasks sdn");
}

Answer node(Parts&, Call&) {
  return named(
      "name",
      "aplinfo apt capabilities ceph certificates config disks dns firewall hardware hosts journal lxc "
      "migrateall netstat network qemu query-url-metadata replication report rrd rrddata scan services "
      "spiceshell startall status stopall storage subscription suspendall syslog tasks termproxy time "
      "version "
      "vncshell vzdump wakeonlan sdn");
}

Answer machine(Parts&, Call&) {
  return named("subdir",
               "config cloudinit pending status unlink vncproxy termproxy migrate resize move rrd rrddata "
               "monitor agent "
               "snapshot spiceproxy sendkey firewall mtunnel remote_migrate");
}

Answer machine_status(Parts&, Call&) {
  return named("subdir", "current start stop reset shutdown suspend reboot");
}

Answer storage(Parts&, Call&) {
  return named("subdir",
               "content download-url file-restore import-metadata prunebackups rrd rrddata status upload");
}

Answer task(Parts&, Call&) {
  return named("name", "log status");
}

Answer empty_list(Parts&, Call&) {
  return json::array();
}
Answer empty_object(Parts&, Call&) {
  return json::object();
}

}  // namespace

std::vector<Verb> index_verbs() {
  const auto auditor = [] { return all_of("/", {"Sys.Audit"}); };
  return {
      {"GET", "/", Pace::quick, for_users(), root},
      {"GET", "/access", Pace::quick, for_users(), access},
      {"GET", "/cluster", Pace::quick, for_users(), cluster},
      {"GET", "/nodes/{node}", Pace::quick, for_users(), node},
      {"GET", "/nodes/{node}/qemu/{vmid}", Pace::quick, for_users(), machine},
      {"GET", "/nodes/{node}/qemu/{vmid}/status", Pace::quick, for_users(), machine_status},
      {"GET", "/nodes/{node}/storage/{storage}", Pace::quick,
       any_of("/storage/{storage}", {"Datastore.Audit", "Datastore.AllocateSpace"}), storage},
      {"GET", "/nodes/{node}/tasks/{upid}", Pace::quick, for_users(), task},
      // A lone node without containers, replication, backup jobs and software-defined networks.
      {"GET", "/nodes/{node}/lxc", Pace::quick, for_users(), empty_list},
      {"GET", "/nodes/{node}/replication", Pace::quick, for_users(), empty_list},
      {"GET", "/nodes/{node}/netstat", Pace::quick, all_of("/nodes/{node}", {"Sys.Audit"}), empty_list},
      {"GET", "/nodes/{node}/services", Pace::quick, all_of("/nodes/{node}", {"Sys.Audit"}), empty_list},
      {"GET", "/nodes/{node}/sdn/zones", Pace::quick, for_users(), empty_list},
      {"GET", "/nodes/{node}/qemu/{vmid}/firewall/rules", Pace::quick, all_of("/vms/{vmid}", {"VM.Audit"}),
       empty_list},
      {"GET", "/cluster/backup", Pace::quick, auditor(), empty_list},
      {"GET", "/cluster/backup-info/not-backed-up", Pace::quick, auditor(), empty_list},
      {"GET", "/cluster/config/nodes", Pace::quick, auditor(), empty_list},
      {"GET", "/cluster/config/qdevice", Pace::quick, auditor(), empty_object},
      {"GET", "/cluster/replication", Pace::quick, for_users(), empty_list},
      {"GET", "/cluster/sdn/zones", Pace::quick, for_users(), empty_list},
      {"GET", "/cluster/ha/resources", Pace::quick, auditor(), empty_list},
      {"GET", "/cluster/ha/groups", Pace::quick, auditor(), empty_list},
  };
}

}  // namespace hlid::node::service
