#include <iterator>

#include "node/service/service.h"
#include "node/service/verbs.h"

namespace hlid::node::service {

std::vector<Verb> all_verbs() {
  std::vector<Verb> all;
  for (std::vector<Verb> (*part)() :
       {index_verbs, version_verbs, access_verbs, user_verbs, pool_verbs, node_verbs, network_verbs,
        publish_verbs, resource_verbs, task_verbs, storage_verbs, content_verbs, machine_verbs, power_verbs,
        agent_verbs}) {
    std::vector<Verb> verbs = part();
    std::move(verbs.begin(), verbs.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace hlid::node::service
