#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cluster/guest.h"
#include "sys/files.h"
#include "sys/process.h"

namespace hlid::test {

/// A Guest that runs the scripts for real, by this host's sh: `map` may change the arguments, so that their
/// paths lead into a folder of the test.
class ShellGuest : public cluster::Guest {
 public:
  using Map = std::function<std::string(const std::string&)>;
  ShellGuest(std::string name, Map map) : name_(std::move(name)), map_(std::move(map)) {}

  const std::string& name() const override { return name_; }
  cluster::Ran run(std::string_view script, const std::vector<std::string>& arguments,
                   std::chrono::milliseconds) override {
    sys::Command command{{"sh", "-c", std::string(script), "sh"}};
    for (const auto& argument : arguments) command.argv.push_back(map_(argument));
    const auto result = runner_.run(command);
    if (result.ending != sys::Ending::exited) throw Error(Errc::io, "the script did not end");
    return {result.status, result.output, result.error_output};
  }
  std::optional<std::string> read_file(const std::string& path) override {
    return sys::read_file_if_exists(map_(path));
  }
  void write_file(const std::string& path, const std::string& content, std::string_view) override {
    sys::write_durable(map_(path), content, 0600);
  }
  void pull(const std::string& path, const std::filesystem::path& to) override {
    std::filesystem::copy_file(path, to, std::filesystem::copy_options::overwrite_existing);
  }
  std::string insert_disc(const std::string&, const std::map<std::string, std::filesystem::path>&,
                          const std::function<void(const std::string&)>&) override {
    throw Error(Errc::unsupported, "no discs");
  }
  void release_disc() override {}
  void cut_power() override {}
  void power_on() override {}

 private:
  std::string name_;
  Map map_;
  sys::PosixProcessRunner runner_;
};

}  // namespace hlid::test
