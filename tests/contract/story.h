#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "contract/raw_client.h"
#include "contract/recording.h"

namespace hlid::test {

/// The server that the recordings are put to.
struct ServerUnderTest {
  std::uint16_t port = 0;
  std::string node = "asgard";
  std::string root_password;
  std::filesystem::path local;    ///< folder of the storage `local`
  std::filesystem::path scratch;  ///< for further storages and files that recordings name by path
};

/// What is known of the recordings beside themselves (tests/contract/*.txt, gaps.json, exceptions.json).
struct Notes {
  std::map<std::string, std::string> skipped;      ///< recording, or "METHOD /path/{variable}" -> reason
  std::map<std::string, json::object> exceptions;  ///< recording -> what differs, and why
  std::vector<json::object> gaps;                  ///< exchanges that were left out of the folder
  static Notes read(const std::filesystem::path& folder);
  /// The reason to skip, by name or by endpoint; empty: run it.
  std::string reason_to_skip(const Recording& recording) const;
};

struct Outcome {
  enum class Kind { passed, excepted, skipped, failed };
  std::string name;
  Kind kind = Kind::passed;
  std::vector<std::string> text;  ///< differences, or the reason
};

/// Plays recordings in order and compares. Later requests name what our server made where they named what the
/// real one had made: tickets, tokens, UPIDs, digests, folders.
class Story {
 public:
  Story(ServerUnderTest server, Notes notes);
  std::vector<Outcome> play(const std::vector<Recording>& recordings);

 private:
  struct Sent {
    RawResponse response;
    bool plain = false;
  };
  void fill_gaps(int before, const std::string& name);
  void fill(const json::object& gap);
  void wait_agent(long long vmid) const;
  void upload(const std::string& path, const std::string& name) const;
  Outcome play_one(const Recording& recording);
  Sent send(const Recording& recording);
  std::string request_text(const Recording& recording, const std::string& path,
                           const std::string& body) const;
  std::string header_value(const Recording& recording, const std::string& name, const std::string& value,
                           const std::string& body) const;
  std::string authorization(const std::string& value) const;
  std::string request_body(const Recording& recording) const;
  std::string multipart_body(const Recording& recording) const;
  std::string current_digest(const Recording& recording) const;
  void learn(const Recording& recording, const RawResponse& response);
  void compare(const Recording& recording, const RawResponse& response,
               std::vector<std::string>& problems) const;
  void compare_headers(const Recording& recording, const RawResponse& response,
                       std::vector<std::string>& problems) const;
  void compare_body(const Recording& recording, const RawResponse& response,
                    std::vector<std::string>& problems) const;
  void compare_kinds(const json::value& theirs, const json::value& ours,
                     std::vector<std::string>& problems) const;
  void compare_task(const Recording& recording, const RawResponse& response,
                    std::vector<std::string>& problems) const;
  std::string ours_to_theirs(std::string text) const;
  std::string theirs_to_ours(std::string text) const;

  /// As root, in plain words; returns `data`. Throws for an error status unless `lenient`.
  json::value call(const std::string& method, const std::string& path, const std::string& form = {},
                   bool lenient = false, const std::string& token = {}) const;
  json::value wait_task(const std::string& upid) const;
  void log_in(const std::string& user, const std::string& password);

  ServerUnderTest server_;
  Notes notes_;
  std::set<std::string> present_;  ///< names of the recordings in the folder
  std::set<int> present_numbers_;
  std::map<std::string, std::string> tickets_;  ///< user -> ticket
  std::map<std::string, std::string> csrf_;     ///< user -> token
  std::map<std::string, std::string> tokens_;   ///< "terra@pve!ci" -> secret
  std::map<std::string, std::string> upids_;    ///< theirs -> ours
  std::map<std::string, std::string> pids_;     ///< guest processes: theirs -> ours
};

}  // namespace hlid::test
