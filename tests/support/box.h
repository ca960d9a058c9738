#pragma once
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "sys/process.h"

/// Boxes: machines without a hypervisor, for tests of what runs in machines. Each has its own processes,
/// network, mounts and host name, this system's programs, and a real systemd with its journal; it boots in a
/// second. Needs root. Everything goes when the test ends, however it ends.
namespace hlid::test {

/// Why boxes cannot be made here; empty: they can.
std::string boxes_impossible();

/// The switch that boxes hang on, 10.99.0.1/24 in a network namespace of its own.
class BoxNetwork {
 public:
  explicit BoxNetwork(std::filesystem::path folder);
  ~BoxNetwork();
  BoxNetwork(const BoxNetwork&) = delete;
  BoxNetwork& operator=(const BoxNetwork&) = delete;
  pid_t process() const { return process_; }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
  pid_t process_ = 0;
};

class Box {
 public:
  /// Off; what it writes is kept in `network.folder()/name`.
  Box(const BoxNetwork& network, std::string name, std::string address);
  ~Box();
  Box(const Box&) = delete;
  Box& operator=(const Box&) = delete;

  void power_on();   ///< until systemd answers
  void cut_power();  ///< at once, as a power cut
  bool runs() const { return process_ > 0; }
  const std::string& name() const { return name_; }
  const std::string& address() const { return address_; }

  /// Runs a program in it. By `sh -c` with positional parameters; not started when it is off.
  sys::ProcessResult run(const std::vector<std::string>& argv,
                         std::chrono::milliseconds timeout = std::chrono::seconds(60),
                         const std::string& input = {});
  sys::ProcessResult sh(const std::string& script, const std::vector<std::string>& arguments = {},
                        std::chrono::milliseconds timeout = std::chrono::seconds(60));
  /// What it sends to `other` is lost (and arrives again).
  void separate(const Box& other, bool apart);

 private:
  const BoxNetwork& network_;
  std::string name_, address_;
  pid_t outer_ = 0;    ///< unshare(1), whose death ends the box
  pid_t process_ = 0;  ///< the box's process 1
};

}  // namespace hlid::test
