// The verb table: what a caller can ask of the node, one row each, without HTTP.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "node/auth/identity.h"
#include "node/service/params.h"

namespace hlid::node::service {

struct Parts;

/// A file that came with the call. Whoever handles the call takes it over; otherwise it is removed by the
/// caller.
struct UploadedFile {
  std::filesystem::path path;
  std::string name;  ///< as the client calls it
};

/// One call that has passed authentication, permission and parameter checks.
struct Call {
  auth::Identity who;
  Params params;  ///< path, query and body together
  std::optional<UploadedFile> upload;
};

/// What goes back: `data`, or its JSON text where that is at hand already.
struct Answer {
  json::value data;
  std::shared_ptr<const std::string> text = {};  ///< shared: many answers are the same cached text
  std::optional<long long> total = {};           ///< of paged lists
  std::optional<std::string> changes = {};       ///< of GET network: what is not applied yet

  Answer() = default;
  template <typename T>
  Answer(T&& value) : data(std::forward<T>(value)) {}  // NOLINT(google-explicit-constructor)
  static Answer ready(std::shared_ptr<const std::string> text);
};

/// Who may call. Paths may name parameters: "/vms/{vmid}".
struct Rule {
  enum class Who { world, user, privileges, root, handler };
  Who who = Who::user;
  std::string_view path = {};
  std::vector<std::string_view> privileges = {};
  bool any = false;  ///< one of the privileges is enough
  /// For rules that a path and privileges cannot say. Runs before the parameters are checked; throws ApiError
  /// 403.
  void (*check)(const Parts&, const Call&) = nullptr;
  std::string_view text = {};  ///< the rule in words, for the reference
};

Rule for_world();
Rule for_users();
Rule for_root();
Rule all_of(std::string_view path, std::vector<std::string_view> privileges);
Rule any_of(std::string_view path, std::vector<std::string_view> privileges);
Rule by_check(void (*check)(const Parts&, const Call&), std::string_view text);

/// How long a verb may take, which decides where it runs.
enum class Pace {
  quick,  ///< memory only: on the thread that read the request
  work,   ///< files, locks, processes: on a worker
  agent,  ///< waits for a guest: on workers of its own
};

struct Verb {
  std::string_view method;
  std::string_view path;
  Pace pace = Pace::quick;
  Rule rule;
  std::function<Answer(Parts&, Call&)> handler;
  bool tokens = true;  ///< false: needs a ticket, an API token is refused
};

}  // namespace hlid::node::service
