#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "cluster/guest.h"
#include "sys/files.h"
#include "sys/process.h"

namespace hlid::test {

/// A Guest that is a folder of this host: scripts run for real, by sh, and find programs of the test's own in
/// <folder>/bin before the system's.
class PathGuest : public cluster::Guest {
 public:
  explicit PathGuest(std::filesystem::path folder) : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_ / "bin");
  }
  const std::string& name() const override { return name_; }
  std::string path(const std::string& under) const { return (folder_ / under).string(); }
  std::string text(const std::string& under) const {
    return sys::read_file_if_exists(folder_ / under).value_or("(none)");
  }
  void put(const std::string& under, const std::string& content, mode_t mode = 0644) {
    std::filesystem::create_directories((folder_ / under).parent_path());
    sys::write_durable(folder_ / under, content, mode);
  }
  /// A program that appends its name and arguments to <folder>/calls.
  void stub(const std::string& program, const std::string& body = "") {
    put("bin/" + program, "#!/bin/sh\necho \"" + program + " $*\" >>" + path("calls") + "\n" + body + "\n",
        0755);
  }
  std::string calls() const { return sys::read_file_if_exists(folder_ / "calls").value_or(""); }

  cluster::Ran run(std::string_view script, const std::vector<std::string>& arguments = {},
                   std::chrono::milliseconds = {}) override {
    sys::Command command{{"sh", "-c", std::string(script), "sh"}};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.env.emplace_back("PATH", path("bin") + ":/usr/sbin:/usr/bin:/sbin:/bin");
    const auto result = runner_.run(command);
    if (result.ending != sys::Ending::exited) throw Error(Errc::io, "the script did not end");
    return {result.status, result.output, result.error_output};
  }
  std::optional<std::string> read_file(const std::string& file) override {
    return sys::read_file_if_exists(file);
  }
  void write_file(const std::string& file, const std::string& content, std::string_view) override {
    sys::write_durable(file, content, 0600);
  }
  void pull(const std::string&, const std::filesystem::path&) override {}
  std::string insert_disc(const std::string&, const std::map<std::string, std::filesystem::path>&,
                          const std::function<void(const std::string&)>&) override {
    throw Error(Errc::unsupported, "no discs");
  }
  void release_disc() override {}
  void cut_power() override {}
  void power_on() override {}

 private:
  std::string name_ = "lab-m-1";
  std::filesystem::path folder_;
  sys::PosixProcessRunner runner_;
};

}  // namespace hlid::test
