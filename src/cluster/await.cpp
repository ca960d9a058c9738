#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "cluster/journal.h"
#include "cluster/poll.h"
#include "cluster/readiness.h"

namespace hlid::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// How long a machine may be off, silent or full, or its unit stopped, before waiting on is pointless:
/// nothing that hlid has started mends these. Times site.patience.
constexpr seconds kOffFor{60};
constexpr seconds kSilentFor{300};
constexpr seconds kStoppedFor{30};
constexpr seconds kFullFor{120};  ///< images may still be cleaned away
/// Lines of the journal that are kept for the evidence.
constexpr std::size_t kKeptLines = 400;

seconds usual_deadline(const model::Machine& machine) {
  return machine.role == model::Role::server ? seconds(900) : seconds(600);
}

/// One wait for one machine.
class Wait {
 public:
  Wait(const Site& site, const model::Machine& machine, const Awaited& awaited)
      : site_(site),
        machine_(machine),
        awaited_(awaited),
        traits_(traits_of(site.wanted().distribution)),
        cursor_(awaited.since.text),
        old_(awaited.since.invocation),
        start_(site.clock.now()),
        since_(start_) {}

  void run() {
    while (true) {
      const auto readiness = look();
      if (readiness.ready() || *readiness.broken > awaited_.up_to) return;
      tell(readiness);
      if (readiness.hopeless) throw as_error(readiness, Errc::failed);
      give_up_late(readiness);
      if (!site_.clock.sleep(seconds(1), site_.stop))
        throw Error(Errc::interrupted, "stopped while waiting for {}", machine_.name);
    }
  }

 private:
  Readiness look() {
    auto polled = poll(site_, machine_, cursor_, old_);
    if (!polled.cursor.empty()) cursor_ = polled.cursor;
    const bool old = !old_.empty() && polled.invocation == old_;
    if (old) polled.lines.clear();
    if (!old && polled.silence.empty()) old_.clear();
    lines_.insert(lines_.end(), polled.lines.begin(), polled.lines.end());
    if (lines_.size() > kKeptLines)
      lines_.erase(lines_.begin(), lines_.end() - static_cast<std::ptrdiff_t>(kKeptLines));
    if (old) {
      polled.seen.active = false;
      polled.seen.unit_state = "still the process from before the restart";
    }
    auto readiness = judge(polled);
    if (readiness.broken) readiness.evidence = telling_lines(traits_, lines_);
    if (!old) despair(polled, readiness);
    return readiness;
  }

  /// The ladder over what was polled.
  Readiness judge(Polled& polled) {
    model::ObservedCluster cluster;
    if (machine_.role == model::Role::agent && polled.seen.active) polled.nodes = ask_server();
    cluster.answers = polled.nodes.has_value();
    if (polled.nodes) cluster.nodes = *polled.nodes;
    cluster.members = polled.members;
    cluster.machines.push_back(polled.seen);
    auto readiness = climb(machine_, cluster, awaited_.version, traits_);
    if (!polled.silence.empty()) readiness.because = polled.silence;
    return readiness;
  }

  /// What makes waiting useless: a fatal line of the new process, or a state that does not mend itself.
  void despair(const Polled& polled, Readiness& readiness) {
    if (readiness.ready()) return;
    if (const auto* fatal = hopeless_line(traits_, polled.lines); fatal != nullptr && !polled.seen.active) {
      readiness.because = fatal->reason;
      readiness.fix = replace_all(std::string(fatal->fix), "NAME", machine_.name);
      readiness.hopeless = true;
      return;
    }
    const auto now = site_.clock.now();
    const bool stopped =
        polled.seen.unit_state.starts_with("inactive") || polled.seen.unit_state.starts_with("failed");
    const std::string state = !polled.seen.running         ? "off"
                              : !polled.seen.reachable     ? "silent"
                              : stopped                    ? "stopped"
                              : has_full_disk(polled.seen) ? "full"
                                                           : "";
    if (state != state_) since_ = now;
    state_ = state;
    const auto limit = state == "off"      ? kOffFor
                       : state == "silent" ? kSilentFor
                       : state == "full"   ? kFullFor
                                           : kStoppedFor;
    if (state.empty() || now - since_ < limit * site_.patience) return;
    readiness.hopeless = true;
  }

  void give_up_late(Readiness readiness) {
    const auto deadline =
        (awaited_.deadline.count() > 0 ? awaited_.deadline : usual_deadline(machine_)) * site_.patience;
    if (site_.clock.now() - start_ < deadline) return;
    if (const auto* trouble = last_known_trouble(traits_, lines_);
        trouble != nullptr && *readiness.broken >= Rung::unit) {
      readiness.because += ": " + std::string(trouble->reason);
      readiness.fix = replace_all(std::string(trouble->fix), "NAME", machine_.name);
    }
    readiness.because += fmt::format(" (after {} s)", std::chrono::duration_cast<seconds>(deadline).count());
    throw as_error(readiness, Errc::timeout);
  }

  void tell(const Readiness& readiness) {
    std::string text = *readiness.broken == Rung::unit ? progress(traits_, lines_) : "";
    if (text.empty()) {
      switch (*readiness.broken) {
        case Rung::running:
        case Rung::agent:
        case Rung::address:
          text = "waiting for the machine";
          break;
        case Rung::unit:
          text = "starting";
          break;
        case Rung::supervisor:
          text = "waiting for the API server";
          break;
        case Rung::voter:
          text = "waiting to become a voter";
          break;
        case Rung::node:
          text = "waiting for Node Ready";
          break;
      }
    }
    if (text != told_) site_.phase(text);
    told_ = text;
  }

  /// An agent's Node, by a server that answers; another is asked when that one stops.
  std::optional<std::vector<model::ObservedNodeObject>> ask_server() {
    const auto servers = site_.servers();
    for (std::size_t i = 0; i < servers.size(); ++i) {
      const auto& server = *servers[(server_ + i) % servers.size()];
      try {
        if (!site_.fleet.runs(server.name)) continue;
        auto nodes = read_node(site_, *site_.fleet.guest(server.name), machine_.name);
        if (!nodes) continue;
        server_ = (server_ + i) % servers.size();
        return nodes;
      } catch (const Error& error) {
        if (error.code() == Errc::interrupted) throw;
      }
    }
    return std::nullopt;
  }

  const Site& site_;
  const model::Machine& machine_;
  const Awaited& awaited_;
  const Traits& traits_;
  std::string cursor_;
  std::string old_;  ///< the process that a restart ends, until it is seen to be another
  std::chrono::steady_clock::time_point start_, since_;
  std::string state_;  ///< one that does not mend itself, since since_
  std::string told_;
  std::size_t server_ = 0;  ///< the one that answered last, by its place in the file
  std::vector<std::string> lines_;
};

}  // namespace

void await_ready(const Site& site, const std::string& machine, const Awaited& awaited) {
  Wait(site, site.machine(machine), awaited).run();
}

}  // namespace hlid::cluster
