// Six machines of the reference file: instant ones, beside the same six that boot.
#include <fmt/format.h>

#include <thread>

#include "base/text.h"
#include "support/lab.h"
#include "sys/files.h"
#include "table.h"

namespace hlid::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Of a process and what it shares, its fair part (proc(5), smaps_rollup).
double proportional_mib(pid_t pid) {
  const auto text = sys::read_file_if_exists(fmt::format("/proc/{}/smaps_rollup", pid)).value_or("");
  const auto at = text.find("\nPss:");
  return at == std::string::npos ? 0 : std::strtod(text.c_str() + at + 5, nullptr) / 1024;
}

double proportional_mib(const test::Lab& lab) {
  double sum = 0;
  for (const pid_t pid : lab.processes_named("qemu-system-x86_64")) sum += proportional_mib(pid);
  return sum;
}

std::string reference(const std::string& os, bool instant) {
  auto text = sys::read_file(std::string(HLID_SOURCE_DIR) + "/examples/valaskjalf.yaml");
  text = replace_all(text, "ubuntu-24.04", os);
  // Neither the cluster nor its console password is measured here.
  for (const char* gone : {"\ncluster: {", ", console_password: "}) {
    const auto at = text.find(gone);
    if (at != std::string::npos) text.erase(at, text.find('}', at) - at + (gone[0] == '\n' ? 1 : 0));
  }
  return instant ? text : text + "instant: false\n";
}

struct Timed {
  bool ok = false;
  double seconds = 0;  ///< from the first clone's begin to the last machine's readiness
  std::string trouble;
};

/// Runs `up` and reads its events as they come.
Timed timed_up(test::Lab& lab, const std::string& file, std::chrono::minutes patience) {
  auto up = lab.start("hlid", {"up", "-f", file, "--yes", "--json"});
  Timed timed;
  std::optional<Clock::time_point> begin;
  const auto until = Clock::now() + patience;
  while (Clock::now() < until) {
    const bool over = !up.alive();
    if (!begin && contains(up.output(), R"("event":"started","step":"clone )")) begin = Clock::now();
    if (over) break;
    std::this_thread::sleep_for(5ms);
  }
  const auto status = up.wait(0ms);
  timed.ok = status == 0 && begin;
  timed.seconds = begin ? since(*begin) : 0;
  if (!timed.ok) timed.trouble = up.output().substr(0, 2000);
  return timed;
}

/// From one to another by name, as a user of the machines would.
double ssh_by_name(test::Lab& lab, const std::string& file) {
  const auto begin = Clock::now();
  const auto result = lab.hlid({"ssh", "-f", file, "valaskjalf-master-1", "--", "bash", "-c",
                                "'exec 3<>/dev/tcp/valaskjalf-worker-3/2222 && head -c 7 <&3'"});
  return result.ok() && contains(result.output, "SSH-2.0") ? since(begin) : -1;
}

bool destroy(test::Lab& lab, const std::string& file) {
  return lab.hlid({"destroy", "-f", file, "--yes"}, 5min).ok();
}

void rows_of(Table& table, test::Lab& lab, const std::string& os) {
  const auto instant = lab.write("instant.yaml", reference(os, true)).string();
  const auto cold = lab.write("cold.yaml", reference(os, false)).string();
  const auto first = timed_up(lab, instant, 30min);  // makes the warm copies
  if (!first.ok || !destroy(lab, instant)) return table.skip("instant machines", first.trouble);
  const auto again = timed_up(lab, instant, 30min);
  if (!again.ok) return table.skip("instant machines", again.trouble);
  const double login = ssh_by_name(lab, instant);
  const double memory = proportional_mib(lab);
  destroy(lab, instant);
  const auto booted = timed_up(lab, cold, 30min);
  table.add({fmt::format("six machines, ready as themselves ({})", os), "<= 5 s",
             fmt::format("{:.1f} s", again.seconds),
             booted.ok
                 ? fmt::format("the same six booted: {:.0f} s; with warm copies to be made first: {:.0f} s",
                               booted.seconds, first.seconds)
                 : booted.trouble,
             again.seconds <= 5});
  table.add({"memory of the six", "<= 1.5 GiB", fmt::format("{:.2f} GiB", memory / 1024),
             booted.ok ? fmt::format("booted: {:.2f} GiB", proportional_mib(lab) / 1024) : "",
             memory <= 1536});
  table.add({"SSH from one to another by name", "<= 10 s",
             login < 0 ? std::string("failed") : fmt::format("{:.1f} s after up", login), "",
             login >= 0 && again.seconds + login <= 10});
  destroy(lab, cold);
}

}  // namespace

void instant_rows(Table& table) {
  test::Lab lab("bench");
  for (const char* os : {"ubuntu-24.04", "debian-12"}) {
    const auto file = lab.write("template.yaml", reference(os, true)).string();
    if (lab.hlid({"template", "build", "-f", file}, 15min).ok()) return rows_of(table, lab, os);
  }
  table.skip("instant machines", "no template could be built");
}

}  // namespace hlid::bench
