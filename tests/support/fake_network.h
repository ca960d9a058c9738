// A network that makes nothing: it remembers what it was asked for.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "node/network/network.h"

namespace hlid::test {

class FakeNetwork : public node::network::Network {
 public:
  std::vector<std::string> command_prefix() override { return {}; }
  void add_taps(const std::vector<node::network::Tap>& taps) override {
    const std::lock_guard guard(mutex_);
    for (const auto& tap : taps) taps_[tap.vmid].push_back(tap);
  }
  void remove_taps(Vmid vmid) override {
    const std::lock_guard guard(mutex_);
    taps_.erase(vmid);
  }
  void set_hosts(const std::vector<node::network::Host>& hosts) override {
    const std::lock_guard guard(mutex_);
    hosts_ = hosts;
  }
  std::vector<node::network::Host> hosts() const {
    const std::lock_guard guard(mutex_);
    return hosts_;
  }
  bool has_taps(Vmid vmid) const {
    const std::lock_guard guard(mutex_);
    return taps_.count(vmid) != 0;
  }

 private:
  mutable std::mutex mutex_;
  std::map<Vmid, std::vector<node::network::Tap>> taps_;
  std::vector<node::network::Host> hosts_;
};

}  // namespace hlid::test
