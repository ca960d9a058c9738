// The node: its memory, its speed under load (wrk), its tasks and its copies.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>

#include <fmt/format.h>

#include "base/error.h"
#include "base/ids.h"
#include "base/text.h"
#include "bench_node.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "sys/unix_socket.h"
#include "table.h"

namespace hlid::bench {

namespace fs = std::filesystem;

void write_machines(const test::Lab& lab, const std::string& name, int first, int count) {
  const auto folder = lab.node_folder() / "etc/qemu-server";
  sys::make_folder(folder, 0700);
  for (int n = 0; n < count; ++n) {
    const int vmid = first + n, index = vmid - 1000;  // as lab_file() of plan_rows.cpp numbers them
    const auto machine = fmt::format("{}-node-{}", name, index + 1);
    std::ofstream(folder / fmt::format("{}.conf", vmid)) << fmt::format(
        "#hlid-machine: {0}/{1}\nagent: enabled=1\nboot: order=virtio0\ncores: 2\ncpu: host\nide2: "
        "local:{2}/vm-{2}-cloudinit.qcow2,media=cdrom\nipconfig0: ip=10.20.{3}.{4}/16,gw=10.20.0.1\nmemory: "
        "4096\nname: {1}\nnet0: virtio=02:00:00:00:{3:02X}:{4:02X},bridge=vmbr0,queues=2\nonboot: 0\nostype: "
        "l26\nscsihw: virtio-scsi-pci\nserial0: socket\nsmbios1: uuid={5}\ntags: hlid;{0}\nvirtio0: "
        "local:{2}/vm-{2}-disk-0.raw,iothread=1,size=1G\n",
        name, machine, vmid, 1 + index / 250, 1 + index % 250, machine_uuid(name, machine).text);
  }
}

BenchNode::BenchNode(int machines) {
  write_machines(lab_, "bench", 1000, machines);
  process_ = std::make_unique<test::Running>(
      lab_.start("hlid-node", {"daemon", "--home", lab_.home().string(), "--node", "asgard", "--port", "0"}));
  sys::SystemClock clock;
  for (int n = 0; n < 300 && !api_; ++n) {
    clock.sleep(std::chrono::milliseconds(100));
    if (!process_->alive()) throw Error(Errc::failed, "the node ended: {}", process_->output());
    const auto daemon = lab_.daemon();
    if (!daemon) continue;
    try {
      auto api = std::make_unique<test::NodeApi>(lab_);
      if (api->send("GET", "/version").status == 200) api_ = std::move(api);
      daemon_ = *daemon;
    } catch (const Error&) {  // not yet
    }
  }
  if (!api_) throw Error(Errc::timeout, "the node does not serve: {}", process_->output());
}

double BenchNode::resident_mib() const {
  std::ifstream status(fmt::format("/proc/{}/status", daemon_.pid));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  return 0;
}

double BenchNode::cpu_seconds() const {
  const auto stat = sys::read_file(fmt::format("/proc/{}/stat", daemon_.pid));
  const auto fields = split(stat.substr(stat.rfind(')') + 2), ' ');
  return (std::stod(fields.at(11)) + std::stod(fields.at(12))) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

namespace {

struct Load {
  double per_second = 0;
  double p99_ms = 0;
  std::string trouble;
};

double milliseconds_of(const std::string& text) {
  const double value = std::strtod(text.c_str(), nullptr);
  if (text.ends_with("us")) return value / 1000;
  return text.ends_with("ms") ? value : value * 1000;
}

Load load(const test::NodeApi& api, const std::string& path) {
  sys::PosixProcessRunner runner;
  const auto text = sys::run_checked(
      runner, {.argv = {"wrk", "-t2", "-c64", "-d5s", "--latency", "-H",
                        "Authorization: " + api.authorization(), api.endpoint() + "/api2/json" + path},
               .timeout = std::chrono::seconds(60)});
  Load result;
  for (const auto& line : split(text, '\n')) {
    const auto words = std::string(trim(line));
    if (words.starts_with("99%")) result.p99_ms = milliseconds_of(std::string(trim(words.substr(3))));
    if (words.starts_with("Requests/sec:")) result.per_second = std::strtod(words.c_str() + 13, nullptr);
    if (words.starts_with("Non-2xx") || words.starts_with("Socket errors")) result.trouble = words;
  }
  return result;
}

void memory_row(Table& table, int machines) {
  BenchNode node(machines);
  node.api().get("/cluster/resources");
  node.api().get("/nodes/asgard/qemu");
  const double before = node.cpu_seconds();
  sys::SystemClock().sleep(std::chrono::seconds(5));
  const double idle = (node.cpu_seconds() - before) / 5 * 100;
  const double resident = node.resident_mib();
  table.add({fmt::format("node, {} machine configs: resident", machines), "<= 32 MiB",
             fmt::format("{:.1f} MiB", resident), "real: 602 MiB proportional", resident <= 32});
  table.add({fmt::format("node, {} machine configs: idle CPU", machines), "none",
             fmt::format("{:.2f} %", idle), "", idle < 0.5});
}

void api_rows(Table& table) {
  BenchNode node(1000);
  const struct {
    const char *what, *path;
    double per_second, p99;
    const char* real;
  } rows[] = {
      {"GET /cluster/resources, 1,000 machines", "/cluster/resources", 2000, 50, "real: 44-80/s, p99 1.5 s"},
      {"GET /nodes/N/qemu, 1,000 machines", "/nodes/asgard/qemu", 2000, 0, "real: 11-13/s, p99 7.7 s"},
      {"GET qemu/ID/config", "/nodes/asgard/qemu/1500/config", 10000, 0, "real: 1,650/s"},
      {"GET /version", "/version", 20000, 0, "real: 2,050/s"}};
  for (const auto& row : rows) {
    const auto got = load(node.api(), row.path);
    const auto budget = row.p99 > 0 ? fmt::format(">= {:.0f}/s, p99 {:.0f} ms", row.per_second, row.p99)
                                    : fmt::format(">= {:.0f}/s", row.per_second);
    const bool quick = got.per_second >= row.per_second && (row.p99 == 0 || got.p99_ms <= row.p99);
    table.add({row.what, budget, fmt::format("{:.0f}/s, p99 {:.1f} ms", got.per_second, got.p99_ms),
               got.trouble.empty() ? row.real : got.trouble, quick && got.trouble.empty()});
  }
  table.add({"node, 1,000 configs, after that load: resident", "<= 32 MiB",
             fmt::format("{:.1f} MiB", node.resident_mib()), "", node.resident_mib() <= 32});
}

/// A call to the end of its task, polled as fast as it answers.
double task_seconds(test::NodeApi& api, const std::string& method, const std::string& path,
                    const net::Form& form) {
  return seconds([&] {
    const auto upid = api.call(method, path, form);
    if (!upid.is_string()) throw Error(Errc::failed, "{} {} gave no task", method, path);
    for (;;) {
      const auto status =
          api.get("/nodes/asgard/tasks/" + std::string(upid.as_string()) + "/status").as_object();
      if (get_string(status, "status") != "stopped") continue;
      if (get_string(status, "exitstatus") != "OK")
        throw Error(Errc::failed, "{} {}: {}", method, path, get_string(status, "exitstatus").value_or("?"));
      return;
    }
  });
}

/// QEMU alone, from spawn to the greeting of its monitor.
double bare_qemu_seconds(const fs::path& folder) {
  const auto socket = folder / "bare.qmp";
  fs::remove(socket);
  sys::ProcessId process;
  const double time = seconds([&] {
    process = sys::spawn_detached({"qemu-system-x86_64", "-nodefaults", "-display", "none", "-m", "192", "-S",
                                   "-qmp", "unix:" + socket.string() + ",server=on,wait=off"},
                                  {}, {{"HLID_HOME", folder.string()}});
    for (int n = 0; n < 20000; ++n) {
      try {
        const auto connection = sys::connect_unix(socket);
        char byte = 0;
        if (::read(connection.get(), &byte, 1) == 1) return;
      } catch (const Error&) {
        ::usleep(200);
      }
    }
  });
  sys::send_signal(process, SIGKILL);
  sys::wait_gone(process, std::chrono::seconds(5));
  return time;
}

double middle(std::vector<double> times) {
  std::ranges::sort(times);
  return times[times.size() / 2];
}

}  // namespace

void memory_and_api_rows(Table& table, bool memory, bool api) {
  if (memory)
    for (const int machines : {0, 6, 1000}) memory_row(table, machines);
  if (api) api_rows(table);
}

void task_rows(Table& table) {
  BenchNode node;
  auto& api = node.api();
  std::vector<double> creates, starts, bare;
  api.upload("local", "import", test::tiny_disk().string(), "tiny.raw");
  for (int n = 0; n < 9; ++n)
    creates.push_back(
        task_seconds(api, "POST", "/nodes/asgard/qemu",
                     {{"vmid", std::to_string(200 + n)}, {"memory", "192"}, {"virtio0", "local:1"}}));
  test::make_tiny_machine(api, 300, "tiny");
  for (int n = 0; n < 5; ++n) {
    bare.push_back(bare_qemu_seconds(node.lab().home()));
    starts.push_back(task_seconds(api, "POST", "/nodes/asgard/qemu/300/status/start", {}));
    api.run("POST", "/nodes/asgard/qemu/300/status/stop");
  }
  const double create = middle(creates), start = middle(starts), alone = middle(bare);
  table.add({"create, API call to task OK", "<= 20 ms", in_ms(create), "real: 114 ms", create <= 0.020});
  table.add({"start, API call to task OK", "<= 100 ms", in_ms(start), "real: 188 ms", start <= 0.100});
  table.add({"start over bare QEMU", "<= 20 ms", in_ms(start - alone), "bare QEMU: " + in_ms(alone),
             start - alone <= 0.020});
}

namespace {

/// A raw disk of 2 GiB, half of it data.
void write_sparse_disk(const fs::path& path) {
  std::ofstream file(path, std::ios::binary);
  std::string block(4U << 20, '\0');
  for (std::size_t n = 0; n < block.size(); ++n) block[n] = static_cast<char>(n * 2654435761U >> 13);
  for (std::size_t n = 0; n < 256; ++n) {
    file.seekp(static_cast<std::streamoff>(n * 2 * block.size()));
    file.write(block.data(), static_cast<std::streamsize>(block.size()));
  }
  file.close();
  fs::resize_file(path, 2U << 30);
}

}  // namespace

void clone_rows(Table& table) {
  BenchNode node;
  auto& api = node.api();
  const auto source = node.lab().home().parent_path() / "big.raw";
  write_sparse_disk(source);
  api.upload("local", "import", source.string(), "big.raw");
  const net::Form form{{"vmid", "400"},
                       {"name", "big"},
                       {"memory", "192"},
                       {"virtio0", "local:0,import-from=local:import/big.raw"}};
  if (api.run("POST", "/nodes/asgard/qemu", form) != "OK")
    return table.skip("clones", "the source could not be made");
  api.run("POST", "/nodes/asgard/qemu/400/template");

  sys::PosixProcessRunner runner;
  std::vector<double> full, copies, linked;
  for (int n = 0; n < 3; ++n) {
    const auto vmid = std::to_string(410 + n);
    const auto copy = node.lab().home().parent_path() / "copy.raw";
    copies.push_back(seconds([&] {
      sys::run_checked(runner,
                       {.argv = {"cp", "--sparse=always", "--reflink=auto", source.string(), copy.string()}});
    }));
    fs::remove(copy);
    full.push_back(task_seconds(api, "POST", "/nodes/asgard/qemu/400/clone",
                                {{"newid", vmid}, {"full", "1"}, {"storage", "local"}}));
    api.run("DELETE", "/nodes/asgard/qemu/" + vmid);
  }
  for (int n = 0; n < 9; ++n)
    linked.push_back(
        task_seconds(api, "POST", "/nodes/asgard/qemu/400/clone", {{"newid", std::to_string(420 + n)}}));
  const double ratio = middle(copies) / middle(full);
  table.add({"full clone, 1 GiB of data in 2 GiB", ">= 0.9 x cp",
             fmt::format("{:.2f} x, {:.2f} s", ratio, middle(full)),
             fmt::format("cp --sparse=always: {:.2f} s", middle(copies)), ratio >= 0.9});
  table.add(
      {"linked clone, API call to task OK", "<= 50 ms", in_ms(middle(linked)), "", middle(linked) <= 0.050});
}

}  // namespace hlid::bench
