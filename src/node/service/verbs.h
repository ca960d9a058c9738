// The rows of the verb table, one function a file.
#pragma once

#include <vector>

#include "node/service/parts.h"
#include "node/service/verb.h"
#include "wire/api_error.h"

namespace hlid::node::service {

std::vector<Verb> index_verbs();    // lists of what is below a path
std::vector<Verb> version_verbs();  // version, cluster/status and what a lone node answers for a cluster
std::vector<Verb> access_verbs();
std::vector<Verb> user_verbs();
std::vector<Verb> pool_verbs();
std::vector<Verb> node_verbs();
std::vector<Verb> network_verbs();
std::vector<Verb> publish_verbs();  // our own: ports of the host that lead to machines
std::vector<Verb> resource_verbs();
std::vector<Verb> task_verbs();
std::vector<Verb> storage_verbs();  // storage.cfg
std::vector<Verb> content_verbs();  // volumes and uploads
std::vector<Verb> machine_verbs();
std::vector<Verb> power_verbs();
std::vector<Verb> agent_verbs();

}  // namespace hlid::node::service
