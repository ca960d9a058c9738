// The cluster's way into boxes (support/box.h): the verbs of the module cluster, their scripts and a real
// systemd, without a hypervisor.
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/text.h"
#include "cluster/guest.h"
#include "support/box.h"
#include "sys/files.h"

namespace hlid::test {

/// hlid was killed (kill -9) at this point: nothing of it may catch this.
struct BoxKilled {};

class BoxFleet : public cluster::Fleet {
 public:
  void add(Box& box) { boxes_[box.name()] = &box; }
  Box& box(const std::string& name) { return *boxes_.at(name); }
  std::unique_ptr<cluster::Guest> guest(const std::string& name) override;
  bool runs(const std::string& name) override { return box(name).runs(); }

  /// The verb is killed at this call from now; 0: never.
  std::atomic<int> kill_at = 0;
  std::atomic<int> calls = 0;

  void count() {
    ++calls;
    if (kill_at > 0 && --kill_at == 0) throw BoxKilled();
  }

 private:
  std::map<std::string, Box*> boxes_;
};

class BoxGuest : public cluster::Guest {
 public:
  BoxGuest(BoxFleet& fleet, Box& box) : fleet_(fleet), box_(box) {}
  const std::string& name() const override { return box_.name(); }

  cluster::Ran run(std::string_view script, const std::vector<std::string>& arguments,
                   std::chrono::milliseconds timeout) override {
    fleet_.count();
    const auto result = box_.sh(std::string(script), arguments, timeout);
    if (result.ending != sys::Ending::exited)
      throw Error(Errc::io, "'{}' does not answer: {}", name(), result.describe());
    return {result.status,
            script.starts_with("# hlid:preflight") ? with_modules(result.output) : result.output,
            result.error_output};
  }
  std::optional<std::string> read_file(const std::string& path) override {
    const auto ran = run("[ -e \"$1\" ] || exit 44; cat \"$1\"", {path}, std::chrono::seconds(20));
    if (ran.status == 44) return std::nullopt;
    return ran.output;
  }
  void write_file(const std::string& path, const std::string& content, std::string_view mode) override {
    fleet_.count();
    const auto result =
        box_.run({"sh", "-c",
                  "set -e; mkdir -p \"${1%/*}\"; umask 077; cat >\"$1.new\"; chmod \"$2\" \"$1.new\"; "
                  "mv \"$1.new\" \"$1\"",
                  "sh", path, std::string(mode)},
                 std::chrono::seconds(20), content);
    if (!result.ok()) throw Error(Errc::io, "'{}': cannot write '{}': {}", name(), path, result.describe());
  }
  void pull(const std::string& path, const std::filesystem::path& to) override {
    sys::write_durable(to, read_file(path).value_or(""));
  }
  std::string insert_disc(const std::string&, const std::map<std::string, std::filesystem::path>& files,
                          const std::function<void(const std::string&)>&) override {
    const std::string disc = "/run/hlid-disc";
    for (const auto& [file, path] : files) {
      const auto result = box_.run({"sh", "-c", "mkdir -p \"$1\" && cat >\"$1/$2\"", "sh", disc, file},
                                   std::chrono::minutes(1), sys::read_file(path));
      if (!result.ok()) throw Error(Errc::io, "'{}': no disc: {}", name(), result.describe());
    }
    return disc;
  }
  void release_disc() override { run("rm -rf /run/hlid-disc", {}, std::chrono::seconds(20)); }
  void cut_power() override { box_.cut_power(); }
  void power_on() override { box_.power_on(); }

 private:
  /// Boxes share this host's kernel, which need not have what pods would need; there are none.
  static std::string with_modules(const std::string& report) {
    std::string kept;
    for (const auto& line : split(report, '\n'))
      if (!line.empty() && !line.starts_with("missing-module")) kept += line + "\n";
    return kept;
  }

  BoxFleet& fleet_;
  Box& box_;
};

inline std::unique_ptr<cluster::Guest> BoxFleet::guest(const std::string& name) {
  return std::make_unique<BoxGuest>(*this, box(name));
}

}  // namespace hlid::test
