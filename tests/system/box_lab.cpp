#include "box_lab.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <ostream>
#include <thread>

#include "apply/executor.h"
#include "base/text.h"
#include "cli/apply_plan.h"
#include "cli/report.h"
#include "cluster/readiness.h"
#include "drive/cluster_goal.h"
#include "drive/cluster_steps.h"
#include "support/plan_world.h"
#include "sys/unique_fd.h"

namespace hlid::test {
namespace {

constexpr int kMostRounds = 4;  // as `up`

class Unwatched : public apply::Progress {
 public:
  void started(const plan::Step&) override {}
  void phase(const plan::Step&, const std::string&) override {}
  void finished(const plan::Step&) override {}
  void failed(const plan::Step&, const Error&) override {}
  void skipped(const plan::Step&, const std::string&) override {}
};

Told told(const Error& error) {
  return {cli::exit_for(error), cli::describe(error) + "\n"};
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Told& told) {
  return out << "exit status " << static_cast<int>(told.status) << "\n" << told.text;
}

/// A box is switched on; what is done to the cluster is the product's.
class BoxLab::Runner : public apply::StepRunner {
 public:
  Runner(BoxLab& lab, sys::Clock& clock) : lab_(lab), clock_(clock) {}

  void run(const plan::Step& step, apply::StepContext& context, std::stop_token stop) override {
    with_context(step.id, [&] {
      if (is_of_cluster(step.kind)) return do_in_cluster(step, context, stop);
      if (step.kind == plan::StepKind::start) return lab_.box(step.subject).power_on();
      if (step.kind == plan::StepKind::wait_ready) return;
      throw Error(Errc::failed, "nothing of the lab's machines was to be changed");
    });
  }
  void settle(const std::string&, std::stop_token) override {}

 private:
  /// Some come before what is done to a machine, in its phase.
  static bool is_of_cluster(plan::StepKind kind) {
    using enum plan::StepKind;
    return plan::phase_of(kind) == plan::Phase::cluster || kind == drain_member || kind == leave_cluster ||
           kind == forget_member;
  }

  void do_in_cluster(const plan::Step& step, apply::StepContext& context, const std::stop_token& stop) {
    auto site = lab_.site(clock_, stop);
    site.phase = [&context](const std::string& text) { context.phase(text); };
    drive::run_cluster_step(
        step, {site, [this](std::stop_token until, auto) { return lab_.releases(clock_, until); },
               lab_.folder() / "bundles"});
  }

  BoxLab& lab_;
  sys::Clock& clock_;
};

BoxLab::BoxLab(int servers, int agents) : lab_(reference_lab()) {
  lab_.name = "lab";
  lab_.machines.clear();
  lab_.network.cidr = *parse_cidr("10.99.0.0/24");
  lab_.network.gateway = *parse_ipv4("10.99.0.1");
  lab_.cluster.emplace();
  lab_.cluster->vip = parse_ipv4("10.99.0.100");
  want("v1.34.1+rke2r1");
  for (int i = 1; i <= servers; ++i) add("m", i, model::Role::server, 10 + i);
  for (int i = 1; i <= agents; ++i) add("w", i, model::Role::agent, 20 + i);
  there_ = built(lab_);
  internet_.otherwise(
      [](const auto&) -> net::HttpResponse { throw Error(Errc::io, "a lab of boxes has no internet"); });
}

void BoxLab::add(const std::string& group, int number, model::Role role, int address) {
  add_group(lab_, group, role, 1, role == model::Role::server ? 1000 + number : 1010 + number, address, 2,
            gib(4), gib(50));
  auto& machine = lab_.machines.back();
  machine.name = fmt::format("{}{}", group, number);
  machine.number = number;
  auto& box = boxes_[machine.name];
  box = std::make_unique<Rke2Box>(network_, machine.name, to_string(machine.address.address));
  box->power_on();
  fleet_.add(*box);
}

void BoxLab::want(const std::string& version, const std::filesystem::path& files) {
  lab_.cluster->version = version;
  lab_.cluster->artifacts = files.string();
}

std::filesystem::path BoxLab::copy_of(const std::string& release) {
  const auto copy = folder() / "spoilt";
  std::filesystem::remove_all(copy);
  std::filesystem::copy(artifacts(release), copy);
  return copy;
}

std::vector<std::string> BoxLab::names() const {
  std::vector<std::string> names;
  for (const auto& machine : lab_.machines) names.push_back(machine.name);
  return names;
}

void BoxLab::rebuild(const std::string& name) {
  box(name).cut_power();
  std::filesystem::remove_all(network_.folder() / name);
  box(name).power_on();
}

std::string BoxLab::shell(const std::string& name, const std::string& script) {
  const auto result = box(name).sh(script);
  EXPECT_TRUE(result.ok()) << name << ": " << script << ": " << result.describe();
  return result.output;
}

cluster::Site BoxLab::site(sys::Clock& clock, const std::stop_token& stop) {
  return {lab_, fleet_, clock, random_, [](const std::string&) {}, stop};
}

model::ObservedCluster BoxLab::look() {
  sys::SystemClock clock;
  return cluster::observe(site(clock));
}

std::string BoxLab::ill(const std::set<std::string>& among) {
  sys::SystemClock clock;
  const auto here = site(clock);
  const auto observed = cluster::observe(here);
  std::string out;
  for (const auto& readiness : cluster::look(here, observed))
    if (!readiness.ready() && (among.empty() || among.contains(readiness.machine)))
      out += cluster::as_error(readiness, Errc::failed).message() + "\n";
  if (among.empty() && !observed.vip_holder) out += "nobody holds the VIP\n";
  return out;
}

cluster::ReleaseAccess BoxLab::releases(sys::Clock& clock, const std::stop_token& stop) {
  cluster::ReleaseAccess access{folder() / "cache", internet_, runner_, clock};
  access.stop = stop;
  return access;
}

model::Observed BoxLab::observe(sys::Clock& clock) {
  auto there = there_;
  bool any = false;
  for (auto& machine : there.machines) {
    const auto found = boxes_.find(machine.name);
    if (found == boxes_.end()) continue;
    machine.power = found->second->runs() ? model::Power::running : model::Power::stopped;
    any = any || found->second->runs();
  }
  if (any) there.cluster = cluster::observe(site(clock));
  return there;
}

Told BoxLab::pass(apply::Journal& journal, sys::Clock& clock, std::set<std::string> unfinished,
                  const std::stop_token& stop) {
  const auto there = observe(clock);
  auto options = with_key();
  options.unfinished = std::move(unfinished);
  options.cluster = drive::cluster_goal(lab_, there.cluster, releases(clock, stop), true);
  const auto plan = plan::make_plan(lab_, there, options);
  cli::check_refusals(plan);
  Told out{cli::Exit::done, {}};
  if (!plan.steps.empty()) {
    Runner runner(*this, clock);
    Unwatched unwatched;
    const auto outcome =
        apply::Executor(plan, runner, unwatched, journal, cli::widths_for(plan, lab_)).run(stop);
    for (const auto& failure : outcome.failures) out.text += told(failure.error).text;
    out.status = cli::status_of(outcome);
    if (out.status != cli::Exit::done) return out;
    if (plan.look_again) return {cli::Exit::pending, out.text};
  }
  for (const auto& waiting : plan.waiting) {
    out.text += waiting.text + "\n";
    for (const auto& hint : waiting.hints) out.text += "  fix: " + hint + "\n";
  }
  if (!plan.held.empty() || !plan.waiting.empty()) out.status = cli::Exit::precondition;
  return out;
}

Told BoxLab::up(int times, const std::stop_token& stop) {
  HurriedClock clock(times);
  Told last;
  try {
    apply::Journal journal(folder() / "journal", clock);
    auto unfinished = journal.earlier().steps;
    for (int round = 0; round < kMostRounds && last.status == cli::Exit::pending; ++round)
      last = pass(journal, clock, std::exchange(unfinished, {}), stop);
  } catch (const Error& error) {
    last = told(error);
  }
  return last;
}

void BoxLab::in_network(const std::function<void()>& work) {
  std::exception_ptr problem;
  std::thread([&] {
    try {
      const sys::UniqueFd place(
          ::open(fmt::format("/proc/{}/ns/net", network_.process()).c_str(), O_RDONLY | O_CLOEXEC));
      if (!place || ::setns(place.get(), CLONE_NEWNET) != 0) throw system_error("cannot enter the network");
      work();
    } catch (...) {
      problem = std::current_exception();
    }
  }).join();
  if (problem) std::rethrow_exception(problem);
}

}  // namespace hlid::test
