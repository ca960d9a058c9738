// A Fleet over another one, whose callers can be killed at any call.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "cluster/guest.h"

namespace hlid::test {

/// hlid was killed (kill -9) at this point: nothing of it may catch this.
struct Killed {};

class KillableFleet : public cluster::Fleet {
 public:
  explicit KillableFleet(cluster::Fleet& fleet) : fleet_(fleet) {}
  std::unique_ptr<cluster::Guest> guest(const std::string& machine) override;
  bool runs(const std::string& machine) override { return fleet_.runs(machine); }

  std::atomic<int> kill_at = 0;  ///< the call from now that is not made any more; 0: none
  /// May change what a script answered.
  std::function<void(std::string_view script, cluster::Ran& ran)> answered = [](std::string_view,
                                                                                cluster::Ran&) {};

  void count() {
    if (kill_at > 0 && --kill_at == 0) throw Killed();
  }

 private:
  cluster::Fleet& fleet_;
};

class KillableGuest : public cluster::Guest {
 public:
  KillableGuest(KillableFleet& fleet, std::unique_ptr<cluster::Guest> guest)
      : fleet_(fleet), guest_(std::move(guest)) {}
  const std::string& name() const override { return guest_->name(); }
  cluster::Ran run(std::string_view script, const std::vector<std::string>& arguments,
                   std::chrono::milliseconds timeout) override {
    fleet_.count();
    auto ran = guest_->run(script, arguments, timeout);
    fleet_.answered(script, ran);
    return ran;
  }
  std::optional<std::string> read_file(const std::string& path) override {
    fleet_.count();
    return guest_->read_file(path);
  }
  void write_file(const std::string& path, const std::string& content, std::string_view mode) override {
    fleet_.count();
    guest_->write_file(path, content, mode);
  }
  void pull(const std::string& path, const std::filesystem::path& to) override {
    fleet_.count();
    guest_->pull(path, to);
  }
  std::string insert_disc(const std::string& label, const std::map<std::string, std::filesystem::path>& files,
                          const std::function<void(const std::string&)>& phase) override {
    fleet_.count();
    return guest_->insert_disc(label, files, phase);
  }
  void release_disc() override {
    fleet_.count();
    guest_->release_disc();
  }
  void cut_power() override { guest_->cut_power(); }
  void power_on() override { guest_->power_on(); }

 private:
  KillableFleet& fleet_;
  std::unique_ptr<cluster::Guest> guest_;
};

inline std::unique_ptr<cluster::Guest> KillableFleet::guest(const std::string& machine) {
  return std::make_unique<KillableGuest>(*this, fleet_.guest(machine));
}

}  // namespace hlid::test
