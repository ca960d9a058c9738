#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>

#include "drive/connection.h"
#include "drive/embedded_node.h"
#include "drive/host_facts.h"
#include "drive/machine_config.h"
#include "drive/ssh_command.h"
#include "drive/user_key.h"
#include "sys/parallel.h"
#include "unit/drive/lab.h"

namespace hlid::drive {
namespace {

TEST(Secrets, AreResolvedByTheirKind) {
  test::ScriptedProcess processes;
  processes.on("pass show a b", test::exit_with(0, "from command\n"));
  Secrets secrets(processes, [](const std::string& name) -> std::optional<std::string> {
    if (name == "SET") return "from variable";
    return std::nullopt;
  });
  sys::TempFolder folder;
  sys::write_durable(folder.path() / "f", "from file\n");
  EXPECT_EQ(secrets.get({"env:SET"}, "x").reveal(), "from variable");
  EXPECT_EQ(secrets.get({"file:" + (folder.path() / "f").string()}, "x").reveal(), "from file");
  EXPECT_EQ(secrets.get({"cmd:pass show 'a b'"}, "x").reveal(), "from command");
  EXPECT_EQ(processes.commands()[0].argv, (std::vector<std::string>{"pass", "show", "a b"}));
  EXPECT_FALSE(secrets.find({"env:UNSET"}));
  EXPECT_EQ(code_of([&] { secrets.get({"env:UNSET"}, "the token"); }), Errc::precondition);
  EXPECT_EQ(code_of([&] { secrets.find({"plain"}); }), Errc::spec);
}

TEST(Secrets, CommandsAreSplitWithoutAShell) {
  EXPECT_EQ(split_argv("a  'b c' \"d\" e''f ''"), (std::vector<std::string>{"a", "b c", "d", "ef", ""}));
  EXPECT_EQ(split_argv("x; rm $HOME"), (std::vector<std::string>{"x;", "rm", "$HOME"}));
  EXPECT_EQ(code_of([] { split_argv("a 'b"); }), Errc::usage);
}

TEST(Acceleration, NeedsTheDeviceAndTheProcessor) {
  EXPECT_TRUE(judge_acceleration(0, "flags : fpu vmx sse").kvm);
  EXPECT_FALSE(judge_acceleration(0, "flags : fpu sse").kvm);
  EXPECT_FALSE(judge_acceleration(ENOENT, "flags : vmx").kvm);
  EXPECT_NE(judge_acceleration(EACCES, "").reason.find("group kvm"), std::string::npos);
}

TEST(Url, IsCompletedToTheApisPort) {
  EXPECT_EQ(base_url("https://asgard.lan:8006"), "https://asgard.lan:8006");
  EXPECT_EQ(base_url("asgard"), "https://asgard:8006");
  EXPECT_EQ(base_url("https://asgard/api2/json"), "https://asgard:8006");
  EXPECT_EQ(base_url("https://[fd00::1]:443"), "https://[fd00::1]:443");
  EXPECT_EQ(base_url("https://[fd00::1]"), "https://[fd00::1]:8006");
}

TEST(Ssh, IsStrictAndTunnelsThroughTheNode) {
  const auto lab = small_lab();
  const auto argv = ssh_argv({lab.machines[0],
                              lab.access,
                              "/h/known_hosts",
                              Tunnel{"/opt/it's/hlid-node", "/h", "asgard"},
                              {},
                              {"id", "-u"}});
  const auto text = join(argv, "|");
  EXPECT_NE(text.find("StrictHostKeyChecking=yes"), std::string::npos);
  EXPECT_NE(text.find("|-p|2222|-l|odin|"), std::string::npos);
  EXPECT_NE(text.find("HostKeyAlias=lab-web-1"), std::string::npos);
  EXPECT_NE(
      text.find(R"(ProxyCommand='/opt/it'\''s/hlid-node' 'dial' '--home' '/h' '--node' 'asgard' %h %p)"),
      std::string::npos)
      << text;
  EXPECT_TRUE(text.ends_with("|10.10.10.101|--|id|-u"));
  EXPECT_EQ(proxy_word("50%"), "'50%%'");
  const auto direct = ssh_argv({lab.machines[0], lab.access, "/h/known_hosts", std::nullopt, {}, {}});
  EXPECT_EQ(direct.back(), "10.10.10.101");
  EXPECT_EQ(join(direct, "|").find("ProxyCommand"), std::string::npos);
}

TEST(UserKey, IsMadeByItsName) {
  sys::TempFolder folder;
  test::ScriptedProcess processes;
  processes.on("ssh-keygen", test::exit_with(0));
  make_user_key(processes, (folder.path() / ".ssh/id_ed25519.pub").string());
  const auto argv = processes.commands().at(0).argv;
  EXPECT_EQ(argv.back(), (folder.path() / ".ssh/id_ed25519").string());
  EXPECT_NE(std::find(argv.begin(), argv.end(), "ed25519"), argv.end());
  EXPECT_EQ(code_of([&] { make_user_key(processes, "/somewhere/key.pub"); }), Errc::precondition);
  sys::write_durable(folder.path() / "id_rsa", "private");
  EXPECT_EQ(code_of([&] { make_user_key(processes, (folder.path() / "id_rsa.pub").string()); }),
            Errc::precondition);
}

TEST(Parallel, DoesEachOnceAndTellsTheFirstFailure) {
  std::vector<std::atomic<int>> done(50);
  sys::in_parallel(50, 8, [&](std::size_t i) { ++done[i]; });
  for (const auto& count : done) EXPECT_EQ(count, 1);
  std::atomic<int> ran{0};
  const auto code = code_of([&] {
    sys::in_parallel(10, 4, [&](std::size_t i) {
      ++ran;
      if (i >= 3) throw Error(i == 3 ? Errc::conflict : Errc::failed, "no");
    });
  });
  EXPECT_EQ(code, Errc::conflict);
  EXPECT_EQ(ran, 10);
}

TEST(EmbeddedNodeFiles, AreRead) {
  sys::TempFolder home;
  test::FakeClock clock;
  EmbeddedNode node(home.path(), "asgard", clock);
  EXPECT_FALSE(node.daemon());
  EXPECT_EQ(code_of([&] { node.client(); }), Errc::precondition);
  const auto folder = node_folder(home.path(), "asgard");
  sys::make_folder(folder.client_file().parent_path(), 0700);
  sys::make_folder(folder.daemon_file().parent_path(), 0700);
  sys::write_durable(folder.client_file(),
                     R"({"endpoint":"https://127.0.0.1:8006","token":"root@pam!hlid=u","ca":"/ca.pem"})");
  EXPECT_EQ(node.client().endpoint, "https://127.0.0.1:8006");
  EXPECT_EQ(node.client().token.reveal(), "root@pam!hlid=u");
  const auto self = sys::self_process_id();
  sys::write_durable(folder.daemon_file(),
                     fmt::format(R"({{"pid":{},"start_time":{},"endpoint":"https://127.0.0.1:8006"}})",
                                 self.pid, self.start_time));
  ASSERT_TRUE(node.daemon());
  EXPECT_EQ(node.daemon()->process.pid, self.pid);
  EXPECT_FALSE(node.start());  // it lives already
  sys::write_durable(folder.daemon_file(), fmt::format(R"({{"pid":{},"start_time":{},"endpoint":"x"}})",
                                                       self.pid, self.start_time + 1));
  EXPECT_FALSE(node.daemon());  // another process has that number now
}

TEST(MachineConfig, ReadsWhatOthersWrote) {
  model::ObservedMachine machine;
  read_config({{"name", "x"},
               {"cores", "2"},
               {"sockets", "2"},
               {"memory", "current=4096"},
               {"boot", "order=net0;scsi0"},
               {"scsi0", "local-zfs:vm-1-disk-0,size=32G"},
               {"ide2", "local:iso/x.iso,media=cdrom,size=1G"},
               {"smbios1", "uuid=ABCDEF00-0000-4000-8000-000000000000"},
               {"agent", "1"},
               {"net0", "e1000=bc:24:11:aa:bb:cc,bridge=vmbr1"},
               {"tags", "a b;c"}},
              machine);
  EXPECT_EQ(machine.cores, 4);
  EXPECT_EQ(machine.memory, gib(4));
  EXPECT_EQ(machine.disk_key, "scsi0");
  EXPECT_EQ(machine.disk, gib(32));
  EXPECT_EQ(machine.storage, "local-zfs");
  EXPECT_EQ(machine.uuid, "abcdef00-0000-4000-8000-000000000000");
  EXPECT_EQ(machine.agent, true);
  EXPECT_EQ(machine.mac, "BC:24:11:AA:BB:CC");
  EXPECT_EQ(machine.bridge, "vmbr1");
  EXPECT_EQ(machine.tags, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_FALSE(machine.has_cloud_init_drive);
  EXPECT_FALSE(machine.start_at_boot);
}

}  // namespace
}  // namespace hlid::drive
