#include "node/vm/guest_program.h"

#include <chrono>
#include <ctime>

#include "base/text.h"
#include "guest/warm_values.h"
#include "node/instant/shape.h"
#include "node/qemu/agent_exec.h"

namespace hlid::node::vm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kAgentPatience{60};
constexpr seconds kPatience{180};
constexpr milliseconds kPoll{200};  // each look costs an emulated machine milliseconds
constexpr std::size_t kEntropy = 64;

/// The host's clock and randomness, which come before anything else the machine does.
std::string clock_and_entropy(Core& core) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return fmt::format("{} {}\n", now.tv_sec, now.tv_nsec) + core.parts.random.bytes(kEntropy);
}

qemu::GuestCommand command(std::vector<std::string> verb) {
  verb.insert(verb.begin(), instant::kGuestProgram);
  return {.argv = std::move(verb), .timeout = kPatience, .poll = kPoll};
}

std::string told_by(const qemu::GuestExit& done, const char* what) {
  if (done.status != 0)
    throw Error(Errc::failed, "the machine could not {}: {}", what, trim(done.error_output));
  return done.output;
}

std::string begin(RunningVm& running, json::array arguments) {
  const auto reply =
      running.agent.call("guest-exec", {{"path", instant::kGuestProgram}, {"arg", std::move(arguments)}});
  return reply.error ? reply.error->description : "";
}

}  // namespace

std::string take_identity(Core& core, RunningVm& running, std::int64_t waiting, std::stop_token stop) {
  if (!running.agent.ping(kAgentPatience))
    throw Error(Errc::timeout, "the resumed guest agent does not answer");
  qemu::write_in_guest(running.agent, guest::warm::kWakeFifo, clock_and_entropy(core));
  return told_by(
      qemu::end_in_guest(running.agent, core.parts.clock, waiting, command({"await"}), std::move(stop)),
      "take its identity");
}

std::string let_people_in(Core& core, RunningVm& running, std::stop_token stop) {
  return told_by(qemu::run_in_guest(running.agent, core.parts.clock, command({"open"}), std::move(stop)),
                 "let people in");
}

std::string start_services(Core& core, RunningVm& running, std::stop_token stop) {
  return told_by(qemu::run_in_guest(running.agent, core.parts.clock, command({"serve"}), std::move(stop)),
                 "start its services");
}

std::string grow_file_system(RunningVm& running) {
  return begin(running, {"grow"});
}

std::string adapt_to_memory(RunningVm& running, std::int64_t mib) {
  return begin(running, {"settle", json::string(std::to_string(mib))});
}

}  // namespace hlid::node::vm
