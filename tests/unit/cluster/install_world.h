#pragma once
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "cluster/install.h"
#include "sys/files.h"
#include "sys/hash.h"
#include "sys/process.h"

namespace hlid::cluster {

namespace fs = std::filesystem;

/// Without waiting for the disk: what a power cut would leave is not what these tests can see.
inline void write_quickly(const fs::path& path, const std::string& content, bool executable = false) {
  std::ofstream(path, std::ios::binary) << content;
  if (executable) fs::permissions(path, fs::perms::owner_all, fs::perm_options::add);
}

/// A machine that is a folder of this host: scripts really run, with the folder as their root; a disc is
/// another folder.
class FolderGuest : public Guest {
 public:
  FolderGuest(fs::path root, fs::path disc) : root_(std::move(root)), disc_(std::move(disc)) {
    sys::make_folder(root_);
    const auto programs = root_.parent_path() / "programs";
    sys::make_folder(programs);
    write_quickly(programs / "sync", "#!/bin/sh\n", true);
    path = programs.string() + ":" + std::getenv("PATH");
  }
  const std::string& name() const override { return name_; }

  Ran run(std::string_view script, const std::vector<std::string>& arguments,
          std::chrono::milliseconds) override {
    std::vector<std::string> argv = {"sh", "-c", std::string(script), "sh"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    argv[5] = root_.string();
    const sys::Command command{.argv = argv, .env = {{"PATH", path}}};
    const auto result = sys::PosixProcessRunner().run(command);
    const bool exited = result.ending == sys::Ending::exited;
    return {exited ? result.status : 128 + result.status, result.output, result.error_output};
  }
  std::string insert_disc(const std::string&, const std::map<std::string, fs::path>& files,
                          const std::function<void(const std::string&)>&) override {
    ++discs_inserted;
    disc_is_in = true;
    fs::remove_all(disc_);
    sys::make_folder(disc_);
    for (const auto& [file, from] : files) fs::copy_file(from, disc_ / file);
    if (spoil) spoil(disc_);
    return disc_.string();
  }
  void release_disc() override { disc_is_in = false; }

  std::optional<std::string> read_file(const std::string&) override { throw unexpected(); }
  void write_file(const std::string&, const std::string&, std::string_view) override { throw unexpected(); }
  void pull(const std::string&, const fs::path&) override { throw unexpected(); }
  void cut_power() override { throw unexpected(); }
  void power_on() override { throw unexpected(); }

  int discs_inserted = 0;
  bool disc_is_in = false;
  std::function<void(const fs::path&)> spoil;  ///< the disc's files, before the machine sees them
  std::string path;                            ///< PATH of the scripts; its sync does nothing

 private:
  static Error unexpected() { return {Errc::failed, "the test expected no such call"}; }
  std::string name_ = "valaskjalf-master-1";
  fs::path root_, disc_;
};

/// Releases made of small files: a program that says its version, archives that are text.
class ReleaseMaker {
 public:
  explicit ReleaseMaker(fs::path folder) : folder_(std::move(folder)) { sys::make_folder(folder_); }

  /// `images`: name → content.
  ReleaseSet make(const std::string& version, const std::map<std::string, std::string>& images,
                  const std::string& says = {}) {
    ReleaseSet release;
    release.version = Version::parse(version).value();
    release.traits = &traits_of(release.version.distribution);
    const auto home = folder_ / (version + says);
    sys::make_folder(home);
    const auto program = program_of(release, home, says.empty() ? version : says);
    release.files.push_back({PartKind::program, program.filename(), program, "", 0});
    for (const auto& [name, content] : images) {
      write_quickly(home / name, content);
      release.files.push_back({PartKind::images, name, home / name, "", 0});
    }
    std::string sums;
    for (auto& file : release.files) {
      file.sha256 = sys::sha256_file(file.path);
      file.size = static_cast<std::int64_t>(fs::file_size(file.path));
      sums += file.sha256 + "  " + file.name + "\n";
    }
    release.checksums = home / "sums";
    write_quickly(release.checksums, sums);
    release.checksums_sha256 = sys::sha256_hex(sums);
    return release;
  }

 private:
  static void write_program(const fs::path& path, const std::string& distribution,
                            const std::string& version) {
    sys::write_durable(
        path, "#!/bin/sh\necho '" + distribution + " version " + version + " (abc)'\necho go\n", 0755);
  }
  static fs::path program_of(const ReleaseSet& release, const fs::path& home, const std::string& version) {
    const std::string name(release.traits->name);
    if (name == "k3s") {
      write_program(home / "k3s", name, version);
      return home / "k3s";
    }
    const auto tree = home / "tree";
    for (const auto* folder : {"bin", "lib/systemd/system", "share/rke2"}) sys::make_folder(tree / folder);
    write_program(tree / "bin/rke2", name, version);
    for (const auto* file : {"bin/rke2-killall.sh", "lib/systemd/system/rke2-server.service",
                             "lib/systemd/system/rke2-agent.service", "share/rke2/LICENSE.txt"})
      write_quickly(tree / file, version + "\n", true);
    const auto archive = home / "rke2.linux-amd64.tar.gz";
    sys::PosixProcessRunner runner;
    sys::run_checked(runner, {{"tar", "-czf", archive, "-C", tree, "bin", "lib", "share"}});
    return archive;
  }
  fs::path folder_;
};

class InstallTest : public ::testing::Test {
 protected:
  sys::TempFolder folder_;
  fs::path root_ = folder_.path() / "root";
  FolderGuest guest_{root_, folder_.path() / "disc"};
  ReleaseMaker maker_{folder_.path() / "releases"};
  const std::string images_ = "rke2-images.linux-amd64.tar.zst";
  ReleaseSet old_ = maker_.make("v1.33.9+rke2r1", {{images_, "old images"}, {"kube-vip.tar", "vip"}});
  ReleaseSet new_ = maker_.make("v1.34.1+rke2r1", {{images_, "new images"}});

  std::string at(const std::string& path) { return sys::read_file(root_ / path); }
  bool exists(const std::string& path) { return fs::exists(root_ / path); }
  /// Every file of the machine with its content, but for locks and what is empty.
  std::map<std::string, std::string> tree() {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(root_))
      if (entry.is_regular_file() && entry.file_size() > 0)
        files[fs::relative(entry.path(), root_).string()] = sys::read_file(entry.path());
    return files;
  }
  std::string said_version() {
    sys::PosixProcessRunner runner;
    return runner.run({{(root_ / "usr/local/bin/rke2").string(), "--version"}}).output;
  }
  Error failure(const ReleaseSet& release, Replace replace = Replace::nothing) {
    InstallOptions options;
    options.replace = replace;
    try {
      install(guest_, release, options);
    } catch (const Error& error) {
      return error;
    }
    return {Errc::failed, "nothing was thrown"};
  }
};

}  // namespace hlid::cluster
