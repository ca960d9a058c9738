#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "sys/process.h"

namespace hlid::cluster {

/// What has been found out about large files of the host, remembered in a file of its own as long as path,
/// size and time of change are the same: their digests, and the images that archives hold. Reading a gigabyte
/// again at every command would be felt. What is remembered wrongly or lost costs time only: machines verify
/// what they are given themselves.
class KnownFiles {
 public:
  /// `record` is made when absent; one that cannot be read counts as empty. `runner` outlives it.
  KnownFiles(std::filesystem::path record, sys::ProcessRunner& runner, std::stop_token stop = {});

  /// Lower-case hexadecimal SHA-256. Throws Error(not_found, io).
  std::string sha256(const std::filesystem::path& file);
  /// The images in an archive of images, read from the list beside it (rke2-images.linux-amd64.txt) if there
  /// is one, else out of the archive by tar(1); empty for what is no such archive. Throws Error: precondition
  /// when a program for that is not installed, interrupted.
  std::vector<std::string> images(const std::filesystem::path& file);
  /// To be told after a rename, so that what is known goes along.
  void moved(const std::filesystem::path& from, const std::filesystem::path& to);

 private:
  struct Fact {
    long long size = 0, changed = 0;  ///< bytes; nanoseconds
    std::string sha256;
    std::optional<std::vector<std::string>> images;
  };
  Fact& fact_of(const std::filesystem::path& file);
  std::vector<std::string> look_into(const std::filesystem::path& archive);
  void save() const;

  std::filesystem::path record_;
  sys::ProcessRunner& runner_;
  std::stop_token stop_;
  std::map<std::string, Fact> facts_;
};

}  // namespace hlid::cluster
