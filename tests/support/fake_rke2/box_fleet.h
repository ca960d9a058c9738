#pragma once
#include <map>
#include <memory>
#include <string>

#include "cluster/guest.h"
#include "support/box.h"

/// Boxes as the machines of a lab: the module `cluster` against a real systemd and the stand-in, without a
/// hypervisor.
namespace hlid::test {

class BoxGuest : public cluster::Guest {
 public:
  explicit BoxGuest(Box& box) : box_(box) {}
  const std::string& name() const override { return box_.name(); }
  cluster::Ran run(std::string_view script, const std::vector<std::string>& arguments,
                   std::chrono::milliseconds timeout) override;
  std::optional<std::string> read_file(const std::string& path) override;
  void write_file(const std::string& path, const std::string& content, std::string_view mode) override;
  void pull(const std::string& path, const std::filesystem::path& to) override;
  /// A read-only file system in memory, mounted at /run/disc.
  std::string insert_disc(const std::string& label, const std::map<std::string, std::filesystem::path>& files,
                          const std::function<void(const std::string&)>& phase) override;
  void release_disc() override;
  void cut_power() override { box_.cut_power(); }
  void power_on() override { box_.power_on(); }

 private:
  sys::ProcessResult checked(const std::vector<std::string>& argv, const std::string& input = {});
  Box& box_;
};

class BoxFleet : public cluster::Fleet {
 public:
  void add(Box& box) { boxes_[box.name()] = &box; }
  std::unique_ptr<cluster::Guest> guest(const std::string& machine) override;
  bool runs(const std::string& machine) override;

 private:
  std::map<std::string, Box*> boxes_;
};

}  // namespace hlid::test
