// Which machines were cloned without a copy of their own, and how far each has come: one private file a
// machine, etc/instant/ID, and its host keys in ID.keys (0600).
//
// fresh      its disk is an untouched overlay; the next start may resume it
// resuming   its QEMU may run with the copy's memory but not yet as itself: nothing on its disk is worth
//            anything; whoever finds this ends QEMU and makes the disk anew
// serving    it is itself, people may be in it and its disk counts, but not all its services run yet
// growing    it has all its services too, but not all its memory yet
// settled    like any other machine, except that its disk may still read what it has not got itself
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "guest/identity.h"

namespace hlid::node::instant {

/// Which machines are to be instant, by the node's setting and a machine's description (Records::setting).
enum class Setting { off, marked, all };
std::optional<Setting> parse_setting(std::string_view text);
std::string_view to_string(Setting setting);
/// The description's line "hlid-instant: on" or "hlid-instant: off" decides, within the setting.
bool is_wanted(Setting setting, std::string_view description);

enum class Stage { fresh, resuming, serving, growing, settled };
std::string_view to_string(Stage stage);

struct Record {
  Stage stage = Stage::fresh;
  std::string volume;       ///< its disk, as the configuration names it
  std::string base;         ///< the template's disk: a path
  std::string base_format;  ///< raw, qcow2
  bool full = true;         ///< was cloned as a whole: to be detached from the template
  bool operator==(const Record&) const = default;
};

/// Thread-safe as far as each machine's record is changed under that machine's lock.
class Records {
 public:
  explicit Records(std::filesystem::path folder);

  /// nullopt for a machine without one, and for a file that says nothing usable.
  std::optional<Record> find(Vmid vmid) const;
  std::vector<Vmid> all() const;
  /// Durable when it returns.
  void write(Vmid vmid, const Record& record) const;
  void remove(Vmid vmid) const;

  Setting setting() const;  ///< marked, unless another was written
  void write_setting(Setting setting) const;

  std::vector<guest::HostKey> host_keys(Vmid vmid) const;
  void write_host_keys(Vmid vmid, const std::vector<guest::HostKey>& keys) const;
  /// With its keys: the machine is gone.
  void forget(Vmid vmid) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace hlid::node::instant
