#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/fake_clock.h"
#include "unit/cluster/cluster_lab.h"
#include "unit/cluster/shell_guest.h"

namespace hlid::test {

/// A machine that is a folder: scripts run by this host's sh, their paths lead into <folder>/root, and
/// programs of the test's own are found before the host's. Each stub notes its call.
class StubMachine : public ::testing::Test, public cluster::Fleet {
 protected:
  class Machine : public ShellGuest {
   public:
    Machine(std::string name, Map map, std::string path)
        : ShellGuest(std::move(name), std::move(map)), path_(std::move(path)) {}
    cluster::Ran run(std::string_view script, const std::vector<std::string>& arguments,
                     std::chrono::milliseconds timeout) override {
      return ShellGuest::run("PATH=" + path_ + "; export PATH\n" + std::string(script), arguments, timeout);
    }

   private:
    std::string path_;
  };

  std::unique_ptr<cluster::Guest> guest(const std::string& name) override {
    return std::make_unique<Machine>(
        name, [this](const std::string& argument) { return mapped(argument); },
        (folder_.path() / "bin").string() + (bare_path_ ? "" : ":" + std::string(std::getenv("PATH"))));
  }
  bool runs(const std::string&) override { return true; }
  cluster::Site site() {
    return {lab_, *this, clock_, random_, [](const std::string&) {}, {}, 1.0, 1};
  }
  virtual std::string mapped(const std::string& argument) const {
    return argument.starts_with("/") ? (folder_.path() / "root").string() + argument : argument;
  }
  std::filesystem::path at(const std::string& path) const { return mapped(path); }
  static std::string data(const std::string& path) { return "/var/lib/rancher/rke2/" + path; }
  void put(const std::string& path, const std::string& text, mode_t mode = 0600) {
    std::filesystem::create_directories(at(path).parent_path());
    std::ofstream(at(path), std::ios::binary) << text;
    std::filesystem::permissions(at(path), static_cast<std::filesystem::perms>(mode));
  }
  std::string text(const std::string& path) const {
    return sys::read_file_if_exists(at(path)).value_or("(none)");
  }
  bool exists(const std::string& path) const { return std::filesystem::exists(at(path)); }
  void program(const std::filesystem::path& place, const std::string& body) {
    std::filesystem::create_directories(place.parent_path());
    std::ofstream(place) << "#!/bin/sh\necho \"" + place.filename().string() + " $*\" >>" +
                                (folder_.path() / "calls").string() + "\n" + body + "\n";
    std::filesystem::permissions(place, std::filesystem::perms::owner_all);
  }
  void stub(const std::string& name, const std::string& body = "") {
    program(folder_.path() / "bin" / name, body);
  }
  std::string calls() const { return sys::read_file_if_exists(folder_.path() / "calls").value_or(""); }

  bool bare_path_ = false;  ///< nothing but the test's own programs is found
  sys::TempFolder folder_;
  model::Homelab lab_ = cluster_lab();
  FakeClock clock_;
  sys::SystemRandom random_;
};

}  // namespace hlid::test
