#include "node/service/router.h"

#include "node/service/verb.h"

namespace hlid::node::service {

struct Router::Branch {
  std::map<std::string, std::unique_ptr<Branch>, std::less<>> fixed;
  std::string_view variable;  ///< name of the variable segment below, if there is one
  bool takes_rest = false;
  std::unique_ptr<Branch> variable_branch;
  std::vector<std::pair<std::string_view, const Verb*>> methods;
};

namespace {

/// The next non-empty segment; `path` keeps what follows.
std::string_view next_segment(std::string_view& path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  const auto end = std::min(path.find('/'), path.size());
  const auto segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

std::string_view without_edge_slashes(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

}  // namespace

Router::Router(const std::vector<Verb>& verbs) : root_(std::make_unique<Branch>()) {
  for (const Verb& verb : verbs) {
    Branch* branch = root_.get();
    std::string_view path = verb.path;
    for (auto segment = next_segment(path); !segment.empty(); segment = next_segment(path)) {
      std::unique_ptr<Branch>* next = nullptr;
      if (segment.front() == '{') {
        branch->variable = segment.substr(1, segment.size() - 2);
        branch->takes_rest = branch->variable == "volume";
        next = &branch->variable_branch;
      } else {
        next = &branch->fixed[std::string(segment)];
      }
      if (*next == nullptr) *next = std::make_unique<Branch>();
      branch = next->get();
    }
    branch->methods.emplace_back(verb.method, &verb);
  }
}

Router::~Router() = default;

std::optional<Route> Router::find(std::string_view method, std::string_view path) const {
  Route route;
  const Branch* branch = root_.get();
  std::string_view rest = path;
  for (auto segment = next_segment(rest); !segment.empty(); segment = next_segment(rest)) {
    if (const auto fixed = branch->fixed.find(segment); fixed != branch->fixed.end()) {
      branch = fixed->second.get();
      continue;
    }
    if (branch->variable_branch == nullptr) return std::nullopt;
    if (branch->takes_rest) {
      segment = without_edge_slashes(path.substr(static_cast<std::size_t>(segment.data() - path.data())));
      rest = {};
    }
    route.variables.emplace_back(branch->variable, std::string(segment));
    branch = branch->variable_branch.get();
  }
  for (const auto& [name, verb] : branch->methods) {
    if (name == method) {
      route.verb = verb;
      return route;
    }
  }
  return std::nullopt;
}

}  // namespace hlid::node::service
