#pragma once
#include "apply/ports.h"
#include "drive/step_scope.h"

namespace hlid::drive {

/// Runs the steps of a plan through the Proxmox API. Every step is idempotent: it looks first, skips what is
/// done, and proves the machine ours right before it changes or destroys anything.
class PveStepRunner : public apply::StepRunner {
 public:
  explicit PveStepRunner(Workbench bench) : bench_(std::move(bench)) {}
  void run(const plan::Step& step, apply::StepContext& context, std::stop_token stop) override;
  void settle(const std::string& upid, std::stop_token stop) override;

 private:
  Workbench bench_;
};

}  // namespace hlid::drive
