#pragma once
#include <memory>
#include <optional>
#include <string>

#include "apply/journal.h"
#include "cli/apply_plan.h"
#include "cli/lab_session.h"
#include "cli/verb_progress.h"
#include "cluster/fetch.h"
#include "drive/cluster_site.h"

namespace hlid::cli {

/// What the commands that work on a cluster share: its file, the way into its machines, the user's Ctrl-C.
class ClusterWork {
 public:
  /// Reads the file. Throws as read_lab_file() does, and Error(precondition) when the file has no cluster or
  /// nothing of it was made yet.
  explicit ClusterWork(const std::string& file);

  LabSession& session() { return session_; }
  const model::Homelab& lab() const { return session_.lab(); }
  std::stop_token stop() const { return signals_.token(); }
  std::filesystem::path snapshots() const;

  /// Keeps other runs that change the lab away, until this is gone. Throws Error(conflict) naming who works.
  void hold();
  /// Reaches the hypervisor. A verb's phases go to `progress`; nullptr: nowhere. Both outlive the site.
  cluster::Site site(VerbProgress* progress = nullptr);
  cluster::ReleaseAccess releases(VerbProgress* progress = nullptr);
  /// After a verb that lent machines discs: the images that none has any more are removed; a failure to do so
  /// is nobody's trouble.
  void tidy_discs();

 private:
  StopOnSignal signals_;  ///< first: before any thread
  LabSession session_;
  std::optional<apply::Journal> hold_;
  std::optional<drive::ClusterSite> made_;
};

/// What disrupts is asked for. `warning` says what will happen, `command` is the way without a question.
/// Throws Error(precondition) when nobody agrees.
void confirm(const std::string& warning, const std::string& command, bool yes);
/// The same for what cannot be undone: `word` has to be typed.
void confirm_by_name(const std::string& warning, const std::string& word, const std::string& command,
                     bool yes);

/// The last event of --json: {"event":"end","status":0, …}.
void tell_end(json::object more = {}, Exit status = Exit::done);

/// "fetching rke2.linux-amd64.tar.gz (1 of 3), 42 %".
std::string fetch_text(const cluster::FetchProgress& progress);

/// UTC: "2026-01-31 12:00".
std::string time_text(std::int64_t unix_seconds);

}  // namespace hlid::cli
