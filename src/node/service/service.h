// The API without HTTP: route, permission, parameters, verb.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/service/parts.h"
#include "node/service/router.h"
#include "node/service/schema.h"
#include "node/service/verb.h"

namespace hlid::node::service {

/// Thread-safe as far as the parts are.
class Service {
 public:
  explicit Service(Parts parts);

  /// Throws ApiError 501 "Method 'GET /x' not implemented".
  Route route(std::string_view method, std::string_view path) const;

  /// Checks and runs, in Proxmox's order: parameters that contradict the path (400), tokens where a ticket is
  /// needed and privileges (403), unknown node (500), parameters (400), the verb itself. Throws ApiError.
  Answer perform(const Route& route, Call call);

  const std::vector<Verb>& verbs() const { return verbs_; }
  const Schema& schema_of(const Verb& verb) const;
  Parts& parts() { return parts_; }

 private:
  void check_rule(const Verb& verb, const Call& call, std::string_view path) const;

  Parts parts_;
  std::vector<Verb> verbs_;
  Router router_;
  Schemas schemas_;
};

/// Every verb of the node, in the order of the reference.
std::vector<Verb> all_verbs();

/// docs/api.md: the verbs with their rules and parameters.
std::string reference(const std::vector<Verb>& verbs, const Schemas& schemas);

}  // namespace hlid::node::service
