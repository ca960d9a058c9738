// `hlid plan` as a user runs it: process start, the node's answers, the difference.
#include <fmt/format.h>

#include "base/error.h"
#include "bench_node.h"
#include "table.h"

namespace hlid::bench {

namespace {

std::string lab_file(int count, const std::string& image) {
  return fmt::format(R"(apiVersion: hlid/v1
name: bench
proxmox: {{node: asgard, storage: local, iso_storage: local, bridge: vmbr0}}
network: {{cidr: 10.20.0.0/16, gateway: 10.20.0.1, dns: [10.20.0.1]}}
template: {{name: tiny, vmid: 900, image: "{}"}}
access: {{user: odin, authorized_keys: [file:~/.ssh/id_ed25519.pub]}}
machines:
  - {{group: node, count: {}, vmid: 1000, address: 10.20.1.1, cores: 1, memory: 192MiB, disk: 1GiB, clone: linked}}
)",
                     image, count);
}

double plan_seconds(test::Lab& lab, const std::string& file, int expected_status) {
  int status = 0;
  const double time = median_seconds(5, [&] { status = lab.hlid({"plan", "-f", file, "--check"}).status; });
  if (status != expected_status)
    throw Error(Errc::failed, "plan --check gives {}: {}", status, lab.transcript());
  return time;
}

}  // namespace

void plan_rows(Table& table) {
  test::Lab lab("bench");
  const auto image = test::tiny_disk().string();
  const auto six = lab.write("six.yaml", lab_file(6, image)).string();
  const auto up = lab.hlid({"up", "-f", six, "--yes"}, std::chrono::minutes(5));
  if (!up.ok()) return table.skip("hlid plan", "up of six tiny machines failed: " + up.describe());
  const double alone = median_seconds(5, [&] { lab.hlid({"--version"}); });
  const double small = plan_seconds(lab, six, 0);
  table.add({"hlid plan, 6 machines, nothing to do", "<= 100 ms", in_ms(small),
             "hlid --version: " + in_ms(alone), small <= 0.100});

  lab.hlid({"node", "stop", "-f", six}, std::chrono::minutes(2));
  write_machines(lab, "bench", 1006, 994);
  const auto many = lab.write("many.yaml", lab_file(1000, image)).string();
  const double large = plan_seconds(lab, many, 5);
  table.add({"hlid plan, 1,000 machines (994 are off)", "<= 1 s", in_ms(large),
             "hlid --version: " + in_ms(alone), large <= 1.0});
}

}  // namespace hlid::bench
