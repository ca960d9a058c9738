// Finds the verb of a method and a path.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hlid::node::service {

struct Verb;

struct Route {
  const Verb* verb = nullptr;
  std::vector<std::pair<std::string_view, std::string>>
      variables;  ///< name and value, in the order of the path
};

/// A tree of path segments. `{volume}` as the last segment takes all that is left of the path.
class Router {
 public:
  explicit Router(const std::vector<Verb>& verbs);
  ~Router();
  /// `path` is decoded, without query; double and trailing slashes do not count.
  std::optional<Route> find(std::string_view method, std::string_view path) const;

 private:
  struct Branch;
  std::unique_ptr<Branch> root_;
};

}  // namespace hlid::node::service
