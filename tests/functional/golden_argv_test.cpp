// Every golden command line is accepted by a real QEMU: started stopped (-S), greeted and ended over QMP.
//
// What the test machine cannot have is replaced: disks by empty files, taps by user networks, KVM and its
// processor flags by emulation, a kernel and a TPM by nothing.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/text.h"
#include "node/qemu/host_facts.h"
#include "node/qemu/qmp_client.h"
#include "support/golden.h"
#include "support/showcmd.h"
#include "sys/files.h"
#include "sys/process.h"

namespace hlid::node::qemu {
namespace {

using Words = std::vector<std::string>;

std::vector<test::CommandLineCase> runnable_cases() {
  auto cases = test::command_line_cases();
  std::erase_if(cases, [](const auto& one) { return one.headers.count("EXPECT_ERROR") != 0; });
  return cases;
}

class GoldenArgv : public testing::TestWithParam<test::CommandLineCase> {
 protected:
  sys::TempFolder folder{"argv"};
  sys::PosixProcessRunner processes;

  /// The value of an option's key: `file` in "if=none,file=/x,id=y".
  static std::string part(const std::string& value, const std::string& key) {
    for (const auto& piece : split(value, ',')) {
      if (piece.rfind(key + "=", 0) == 0) return piece.substr(key.size() + 1);
    }
    return {};
  }

  std::string make_disk(const std::string& format, const std::string& size) {
    const auto path = folder.path() / ("disk" + std::to_string(disks_++));
    sys::run_checked(processes, {.argv = {"qemu-img", "create", "-q", "-f", format, path.string(), size}});
    return path.string();
  }

  std::string drive(std::string value) {
    const std::string file = part(value, "file");
    if (file.empty() || file.rfind("/usr/share/", 0) == 0) return value;
    const std::string format = part(value, "format");
    return replace_all(value, "file=" + file,
                       "file=" + make_disk(format, contains(value, "pflash") ? "528K" : "1M"));
  }

  static std::string cpu(const std::string& value) {
    Words kept;
    for (const auto& piece : split(value, ',')) {
      const bool of_kvm = piece == "enforce" || contains(piece, "kvm_") || piece.rfind("hv_", 0) == 0;
      if (!of_kvm) kept.push_back(piece == "host" ? "max" : piece);
    }
    return join(kept, ",");
  }

  /// nullopt drops the option with its value.
  std::optional<std::string> replaced(const std::string& option, const std::string& value) {
    if (option == "-kernel" || option == "-initrd" || option == "-append" || contains(value, "tpm"))
      return std::nullopt;
    if (option == "-drive") return drive(replace_all(value, "aio=io_uring", "aio=threads"));
    if (option == "-cpu") return cpu(value);
    if (option == "-machine") return replace_all(value, "accel=kvm", "accel=tcg");
    if (option == "-netdev") return "type=user,id=" + part(value, "id");
    return value;
  }

  Words runnable(const Words& golden, const HostFacts& facts) {
    const std::set<std::string> flags = {"-nodefaults", "-daemonize", "-nographic", "-S"};
    Words out;
    auto word = std::find(golden.begin(), golden.end(), "/usr/bin/qemu-system-x86_64");
    out.push_back(facts.qemu_binary);
    for (++word; word != golden.end(); ++word) {
      if (flags.count(*word) != 0) {
        out.push_back(*word);
        continue;
      }
      const auto value = replaced(*word, replace_all(*(word + 1), "/run/hlid", folder.path().string()));
      if (value) out.insert(out.end(), {*word, *value});
      ++word;
    }
    out.emplace_back("-S");
    return out;
  }

 private:
  int disks_ = 0;
};

TEST_P(GoldenArgv, IsAcceptedByQemu) {
  const HostFacts facts = measure_host(processes);
  auto golden = split(sys::read_file(test::golden_path("cmdline/" + GetParam().name + ".argv")), '\n');
  golden.pop_back();
  const auto started = processes.run({.argv = runnable(golden, facts), .timeout = std::chrono::seconds(30)});
  ASSERT_TRUE(started.ok()) << started.describe();
  const std::string pid_file = [this] {
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      if (entry.path().extension() == ".pid") return entry.path().string();
    }
    return std::string();
  }();
  const pid_t pid = std::stoi(sys::read_file(pid_file));
  const sys::ProcessId process{pid, sys::start_time_of(pid).value_or(0)};
  QmpClient::Options options;
  options.label = "VM";
  {
    const auto client = QmpClient::connect(std::filesystem::path(pid_file).replace_extension("qmp"), options);
    const json::value status = client->execute("query-status");
    EXPECT_EQ(status.at("running"), false);
    client->execute("quit");
  }
  EXPECT_TRUE(sys::wait_gone(process, std::chrono::seconds(20)));
  sys::send_signal(process, SIGKILL);
}

std::string case_name(const testing::TestParamInfo<test::CommandLineCase>& one) {
  std::string name = one.param.name;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Golden, GoldenArgv, testing::ValuesIn(runnable_cases()), case_name);

}  // namespace
}  // namespace hlid::node::qemu
