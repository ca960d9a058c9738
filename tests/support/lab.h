#pragma once
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "sys/process.h"

namespace hlid::test {

/// Where the programs under test are: HLID_BIN, else the folder of this test program.
std::filesystem::path program(const std::string& name);
/// What test programs share between runs (templates, the tiny guest): $HLID_TEST_CACHE, else
/// build/<preset>/test-cache. Made when absent.
std::filesystem::path test_cache();
/// The tiny guest's disk (tests/support/tiny-guest), built at the first call of a cache's life.
std::filesystem::path tiny_disk();
/// HLID_<name> as a number, else `otherwise`.
std::uint64_t number_from_env(const std::string& name, std::uint64_t otherwise);

/// A program that runs beside the test, with its output in files of the lab.
class Running {
 public:
  Running(pid_t pid, std::filesystem::path output);
  Running(Running&& other) noexcept;
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running();  ///< kills it

  void signal(int number) const;
  bool alive();
  /// Its exit status, 128 + signal when killed; nullopt when it still runs after `patience`.
  std::optional<int> wait(std::chrono::milliseconds patience);
  std::string output() const;

 private:
  bool poll();
  pid_t pid_ = 0;
  std::optional<int> status_;
  std::filesystem::path output_;
};

/// A home (HLID_HOME) of its own and everything that lives in it: real `hlid`, real `hlid-node`, real QEMU.
/// Whatever happens, nothing of it is left when this object is gone.
class Lab {
 public:
  explicit Lab(const std::string& purpose);
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;
  ~Lab();

  const std::filesystem::path& home() const { return home_; }
  /// Of an embedded node.
  std::filesystem::path node_folder(const std::string& node = "asgard") const {
    return home_ / "nodes" / node;
  }
  /// Writes a file beside (not in) the home and returns its path.
  std::filesystem::path write(const std::string& name, const std::string& text) const;
  /// For every program started from now on.
  void set_env(const std::string& name, const std::string& value);

  /// Runs `hlid` to its end.
  sys::ProcessResult hlid(std::vector<std::string> arguments,
                          std::chrono::seconds timeout = std::chrono::seconds(120),
                          const std::string& input = {});
  /// Starts a program of the build and goes on.
  Running start(const std::string& program_name, const std::vector<std::string>& arguments);

  /// The daemon that serves a node of this home.
  std::optional<sys::ProcessId> daemon(const std::string& node = "asgard") const;

  /// Processes that belong to this home: it is in their command line or their environment.
  std::vector<pid_t> processes() const;
  /// Only those whose program's name is `name` ("qemu-system-x86_64").
  std::vector<pid_t> processes_named(const std::string& name) const;
  /// What should not be there once a lab was destroyed and its node stopped, in words: processes, network
  /// interfaces and namespaces, held locks, machine configurations, disks, sockets.
  std::vector<std::string> leftovers() const;
  /// The part of leftovers() that must be gone after `destroy` while the node still runs.
  std::vector<std::string> machine_leftovers() const;
  /// Files of this home, and recorded output, in which `needle` occurs.
  std::vector<std::string> where(const std::string& needle) const;
  /// Everything that this lab's programs have printed so far.
  const std::string& transcript() const { return transcript_; }
  /// Ends all processes of this home; the home stays.
  void kill_all();

 private:
  std::vector<std::pair<std::string, std::string>> env() const;

  std::filesystem::path folder_;
  std::filesystem::path home_;
  std::vector<std::pair<std::string, std::string>> env_;
  std::set<std::string> interfaces_before_;
  std::string transcript_;
  int started_ = 0;
};

/// The JSON lines in a text; others are ignored.
std::vector<json::value> json_lines(const std::string& text);

}  // namespace hlid::test
