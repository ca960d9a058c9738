#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

/// The way into the machines of a cluster, as this module needs it. Implemented above (drive) over the guest
/// agent and the hypervisor's API, in tests by fakes.
namespace hlid::cluster {

struct Ran {
  int status = 0;  ///< exit status; 128 + n for signal n
  std::string output, error_output;
  bool ok() const { return status == 0; }
};

/// One machine. Every call throws Error: io or timeout when the machine or its agent does not answer (waiting
/// may help), interrupted after a stop request. Safe to use from one thread at a time.
class Guest {
 public:
  virtual ~Guest() = default;
  virtual const std::string& name() const = 0;

  /// Runs `script`, a constant text of at most 60 KiB, by POSIX sh as root and waits for it. `arguments` are
  /// its positional parameters: values never become part of the script, and secrets never become arguments
  /// (every process of the machine sees those) but go by write_file.
  virtual Ran run(std::string_view script, const std::vector<std::string>& arguments = {},
                  std::chrono::milliseconds timeout = std::chrono::seconds(60)) = 0;
  /// nullopt: no such file. At most 16 MiB.
  virtual std::optional<std::string> read_file(const std::string& path) = 0;
  /// Whole or not at all (a temporary file, fsync, rename), owner root; `mode` octal as of chmod(1). Folders
  /// are made (0755). At most 40 KiB.
  virtual void write_file(const std::string& path, const std::string& content,
                          std::string_view mode = "0600") = 0;
  /// Copies a file of any size off the machine, to `to` (0600, durable).
  virtual void pull(const std::string& path, const std::filesystem::path& to) = 0;
  /// Gives the machine a read-only disc with these files (name → host file) and mounts it; the path it is
  /// mounted at. The same files are not uploaded twice. Stays until release_disc().
  virtual std::string insert_disc(const std::string& label,
                                  const std::map<std::string, std::filesystem::path>& files,
                                  const std::function<void(const std::string&)>& phase) = 0;
  virtual void release_disc() = 0;
  /// Without waiting for the guest to agree, as a power cut; and on again until the agent answers. For drills
  /// and replacing dead nodes.
  virtual void cut_power() = 0;
  virtual void power_on() = 0;
};

/// The machines of the lab, by their name in the file.
class Fleet {
 public:
  virtual ~Fleet() = default;
  /// A way into `machine`, for the calling thread; the machine need not run. Throws Error(not_found) when the
  /// hypervisor has none of ours by that name.
  virtual std::unique_ptr<Guest> guest(const std::string& machine) = 0;
  /// Whether it exists and runs, without asking its agent.
  virtual bool runs(const std::string& machine) = 0;
};

}  // namespace hlid::cluster
