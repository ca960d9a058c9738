// A lab whose machines are boxes (support/box.h) with the stand-in for RKE2, brought up as `hlid up` does it:
// looked at, planned, done by the same executor, told in the same words, ended with the same exit status.
// Only the way into the machines is another, and the hypervisor is a value.
#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "cluster/fetch.h"
#include "cluster/site.h"
#include "plan/diff.h"
#include "support/fake_http.h"
#include "support/fake_rke2/box_fleet.h"
#include "support/fake_rke2/rke2_box.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/files.h"

namespace hlid::apply {
class Journal;
}

namespace hlid::test {

/// Real time, of which more passes: a deadline of a quarter of an hour comes in half a minute.
class HurriedClock : public sys::Clock {
 public:
  explicit HurriedClock(int times) : times_(times), start_(real_.now()) {}
  std::chrono::steady_clock::time_point now() const override {
    return start_ + times_ * (real_.now() - start_);
  }
  std::int64_t unix_seconds() const override { return real_.unix_seconds(); }
  bool sleep(Duration duration, std::stop_token stop) override {
    return real_.sleep(duration / times_, std::move(stop));
  }

 private:
  int times_;
  sys::SystemClock real_;
  std::chrono::steady_clock::time_point start_;
};

/// How a run ended, and all that it told of what went wrong.
struct Told {
  cli::Exit status = cli::Exit::pending;
  std::string text;
  bool operator==(const Told&) const = default;
  bool says(const std::string& part) const { return text.find(part) != std::string::npos; }
};
std::ostream& operator<<(std::ostream& out, const Told& told);

class BoxLab {
 public:
  /// m1 … as servers at 10.99.0.11 …, w1 … as agents at 10.99.0.21 …, all of them on.
  BoxLab(int servers, int agents);
  BoxLab(const BoxLab&) = delete;
  BoxLab& operator=(const BoxLab&) = delete;

  /// `hlid up --yes`. `times`: of the clock that its deadlines go by.
  Told up(int times = 1, const std::stop_token& stop = {});

  model::Homelab& lab() { return lab_; }
  Rke2Box& box(const std::string& name) { return *boxes_.at(name); }
  std::vector<std::string> names() const;
  /// The machine made anew: on, with nothing on its disk.
  void rebuild(const std::string& name);
  /// With its exit status 0, or a failure of the test.
  std::string shell(const std::string& name, const std::string& script);
  const std::filesystem::path& folder() const { return folder_.path(); }
  /// Where the files are that a box has written.
  std::filesystem::path disk(const std::string& name) const { return network_.folder() / name / "upper"; }

  /// The file asks for a release; its files are those of the folder.
  void want(const std::string& version, const std::filesystem::path& files);
  void want(const std::string& version) { want(version, artifacts(version)); }
  /// A copy of a release's files that a test may spoil.
  std::filesystem::path copy_of(const std::string& release);

  cluster::Site site(sys::Clock& clock, const std::stop_token& stop = {});
  model::ObservedCluster look();
  /// Whoever is not ready, with the first link that does not hold; of these, or of all and the VIP.
  std::string ill(const std::set<std::string>& among = {});

  /// In the network that the boxes hang on; threads that `work` starts are there too.
  void in_network(const std::function<void()>& work);

 private:
  class Runner;
  void add(const std::string& group, int number, model::Role role, int address);
  model::Observed observe(sys::Clock& clock);
  Told pass(apply::Journal& journal, sys::Clock& clock, std::set<std::string> unfinished,
            const std::stop_token& stop);
  cluster::ReleaseAccess releases(sys::Clock& clock, const std::stop_token& stop);

  sys::TempFolder folder_{"hbox"};
  BoxNetwork network_{folder_.path() / "boxes"};
  model::Homelab lab_;
  model::Observed there_;
  std::map<std::string, std::unique_ptr<Rke2Box>> boxes_;
  BoxFleet fleet_;
  sys::SystemRandom random_;
  sys::PosixProcessRunner runner_;
  FakeHttp internet_;  ///< answers nothing: all that is needed is in the folder
};

}  // namespace hlid::test
