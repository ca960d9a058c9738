// The warm copies of a node: templates that were booted once and whose memory is kept, so that a machine can
// go on from there. One folder a copy, $node/warm/KEY-SIZE, SIZE being that of its disk in bytes:
//
//   disk.qcow2  what the boot wrote, over the template's disk    memory  the guest's memory, as a file
//   state       the devices' state, a QEMU migration stream      meta.json  what it was made of
//
// A folder is there whole or not at all (it is renamed from NAME.new when it is complete), and none of it is
// written again: machines read the disk and map the memory privately. Disk and memory belong together.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "node/instant/shape.h"

namespace hlid::sys {
class Clock;
class ProcessRunner;
}  // namespace hlid::sys

namespace hlid::node::instant {

struct WarmCopy {
  std::filesystem::path folder;
  Bytes size;  ///< of its disk, to which its file system was grown
  std::filesystem::path disk() const { return folder / "disk.qcow2"; }
  std::filesystem::path memory() const { return folder / "memory"; }
  std::filesystem::path state() const { return folder / "state"; }
  std::filesystem::path meta() const { return folder / "meta.json"; }
  /// The process in it that waits for the word to become a machine. Throws Error(failed) when nothing says.
  std::int64_t waiting() const;
};

/// What a copy is made of.
struct Recipe {
  std::string key;  ///< warm_key()
  Section values;   ///< warm_values()
  BaseFile base;    ///< the template's disk
  Bytes size;       ///< of the machine's disk
  Files seed;       ///< of the copy's cloud-init drive
};

using Log = std::function<void(const std::string&)>;

class WarmCopies {
 public:
  struct Options {
    std::filesystem::path folder;      ///< $node/warm
    std::filesystem::path run_folder;  ///< sockets of copies that are being made; a short path
  };
  /// Ends what a killed daemon was making and removes what there is of it.
  WarmCopies(Options options, const qemu::HostFacts& facts, sys::ProcessRunner& processes, sys::Clock& clock);

  /// The copy, made now if there is none: minutes. Who comes while it is being made waits for it; copies of
  /// different keys are made side by side. Throws Error: unsupported (the template cannot be resumed),
  /// interrupted, or what failed.
  WarmCopy obtain(const Recipe& recipe, const Log& log, std::stop_token stop);
  /// Of the copies with that key the one with the largest disk that is not larger than `size`: growing a file
  /// system takes seconds, a copy a boot.
  std::optional<WarmCopy> find(const std::string& key, Bytes size) const;

  /// Removes copies that can serve no machine any more (the template's disk or QEMU is another one) unless
  /// `needed` says that a machine's disk reads theirs.
  void prune(const std::function<bool(const WarmCopy&)>& needed);

 private:
  WarmCopy make(const Recipe& recipe, const Log& log, const std::stop_token& stop);
  void sweep() const;
  bool is_current(const WarmCopy& copy) const;

  Options options_;
  const qemu::HostFacts& facts_;
  sys::ProcessRunner& processes_;
  sys::Clock& clock_;

  mutable std::mutex mutex_;  // guards making_ and failed_
  std::condition_variable_any made_;
  std::set<std::string> making_;
  std::map<std::string, std::string> unusable_;  // keys of templates that cannot be resumed, and why
};

}  // namespace hlid::node::instant
