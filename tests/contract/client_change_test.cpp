#include <gtest/gtest.h>

#include "contract/client_recording.h"
#include "pve/agent.h"
#include "pve/storage.h"
#include "pve/vms.h"
#include "sys/files.h"
#include "wire/api_error.h"

/// That the client asks for changes as was recorded, and reads how they ended.
namespace hlid::pve {
namespace {

using test::Replay;

const VmRef kVm{"asgard", {100}};

template <typename F>
std::string failure_of(F work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

template <typename F>
wire::ApiError api_error_of(F work) {
  try {
    work();
  } catch (const wire::ApiError& error) {
    return error;
  }
  ADD_FAILURE() << "no error of the API";
  return {0, ""};
}

TEST(ClientChanges, CreateWithEveryKindOfValue) {
  Replay replay("124");
  const auto recorded = net::decode_form(replay.exchange().body);
  create_vm(replay.session(), kVm, {recorded.begin() + 1, recorded.end()});
  replay.expect_same_request();
  EXPECT_EQ(recorded[0], (std::pair<std::string, std::string>{"vmid", "100"}));
}

TEST(ClientChanges, SshKeysAreWrittenAsRecorded) {
  const auto form = net::decode_form(test::load_exchange("124").body);
  const auto keys =
      std::find_if(form.begin(), form.end(), [](const auto& p) { return p.first == "sshkeys"; });
  ASSERT_NE(keys, form.end());
  EXPECT_EQ(encode_ssh_keys(decode_ssh_keys(keys->second)), keys->second);
}

TEST(ClientChanges, CreateThatExists) {
  Replay replay("125");
  const auto error = api_error_of([&] { create_vm(replay.session(), kVm, {}); });
  EXPECT_EQ(error.status(), 500);
  EXPECT_EQ(error.reason(), "unable to create VM 100 - VM 100 already exists on node 'asgard'");
}

TEST(ClientChanges, ParameterErrorsNameTheParameter) {
  Replay replay("057");
  const auto error = api_error_of([&] { create_vm(replay.session(), kVm, {}); });
  EXPECT_EQ(error.status(), 400);
  EXPECT_EQ(error.reason(), "Parameter verification failed.");
  EXPECT_FALSE(error.errors().empty());
}

TEST(ClientChanges, LinkedClone) {
  Replay replay("299");
  clone_vm(replay.session(), {"asgard", {110}}, {{113}, "linked", "", false, "", ""});
  replay.expect_same_request({{"full", "0"}});
}

TEST(ClientChanges, CloneToAStorageThatIsMissing) {
  Replay replay("292");
  const auto error = api_error_of([&] {
    clone_vm(replay.session(), kVm, {{112}, "", "", true, "nope", ""});
  });
  EXPECT_EQ(error.reason(), "storage 'nope' does not exist");
  replay.expect_same_request();
}

TEST(ClientChanges, CloneOfAMissingMachine) {
  Replay replay("089");
  const auto error = api_error_of([&] { clone_vm(replay.session(), kVm, {{101}, "", "", true, "", ""}); });
  EXPECT_EQ(error.reason(), "unable to find configuration file for VM 100 on node 'asgard'");
}

TEST(ClientChanges, ConfigNow) {
  Replay replay("172");
  set_config(replay.session(), {"asgard", {101}}, net::decode_form(replay.exchange().body));
  replay.expect_same_request();
}

TEST(ClientChanges, ConfigAsTask) {
  Replay replay("160");
  set_config_slowly(replay.session(), {"asgard", {101}}, {{"description", "via post"}, {"tags", "x,y z"}});
  replay.expect_same_request();
}

TEST(ClientChanges, ConfigDoneBeforeItBecameATask) {
  Replay replay("161");
  set_config_slowly(replay.session(), {"asgard", {101}},
                    {{"description", "delay"}, {"background_delay", "5"}});
  replay.expect_same_request();
  EXPECT_EQ(replay.http().requests().size(), 1U);
}

TEST(ClientChanges, ConfigOfALockedMachineIsWaitedForThenRefused) {
  Replay replay("510");
  const auto error = api_error_of([&] {
    set_config(replay.session(), {"asgard", {101}}, {{"memory", "128"}});
  });
  EXPECT_EQ(error.reason(), "VM is locked (backup)");
  EXPECT_GT(replay.http().requests().size(), 1U);
}

TEST(ClientChanges, ConfigWhileTheLockFileIsHeld) {
  Replay replay("564");
  const auto error = api_error_of([&] {
    set_config(replay.session(), {"asgard", {101}}, {{"memory", "96"}});
  });
  EXPECT_EQ(error.reason(), "can't lock file '/var/lock/qemu-server/lock-101.conf' - got timeout");
  EXPECT_GT(replay.http().requests().size(), 1U);
  replay.expect_same_request();
}

TEST(ClientChanges, Resize) {
  Replay replay("186");
  resize_disk(replay.session(), kVm, "virtio0", gib(3));
  replay.expect_same_request();
}

TEST(ClientChanges, ShrinkingIsRefused) {
  Replay replay("189");
  EXPECT_NE(failure_of([&] { resize_disk(replay.session(), kVm, "virtio0", gib(1)); }).find("shrink"),
            std::string::npos);
}

TEST(ClientChanges, Start) {
  Replay replay("202");
  std::vector<std::string> log;
  start_vm(replay.session(), kVm, [&](const std::string& line) { log.push_back(line); });
  replay.expect_same_request();
  EXPECT_EQ(log, (std::vector<std::string>{"generating cloud-init ISO", "TASK OK"}));
}

TEST(ClientChanges, StartThatGetsNoLockIsTriedAgain) {
  Replay replay("578");
  EXPECT_NE(failure_of([&] {
              start_vm(replay.session(), {"asgard", {101}});
            }).find("got timeout"),
            std::string::npos);
  EXPECT_GT(replay.http().requests().size(), 3U);
}

TEST(ClientChanges, StopShutdownReboot) {
  Replay stop("286");
  stop_vm(stop.session(), kVm);
  stop.expect_same_request();
  Replay shutdown("282");
  shutdown_vm(shutdown.session(), kVm, std::chrono::seconds(60), false);
  shutdown.expect_same_request();
  Replay forced("270");
  shutdown_vm(forced.session(), {"asgard", {101}}, std::chrono::seconds(3), true);
  forced.expect_same_request();
  Replay reboot("280");
  reboot_vm(reboot.session(), kVm, std::chrono::seconds(60));
  reboot.expect_same_request();
}

TEST(ClientChanges, Template) {
  Replay replay("295");
  make_template(replay.session(), {"asgard", {110}});
  replay.expect_same_request();
  Replay again("296");
  const auto error = api_error_of([&] { make_template(again.session(), {"asgard", {110}}); });
  EXPECT_EQ(error.reason(), "you can't convert a template to a template");
}

TEST(ClientChanges, Remove) {
  Replay replay("140");
  remove_vm(replay.session(), {"asgard", {105}});
  replay.expect_same_request();
  Replay running("257");
  const auto error = api_error_of([&] { remove_vm(running.session(), kVm); });
  EXPECT_EQ(error.reason(), "VM 100 is running - destroy failed");
}

TEST(ClientChanges, RemoveProtected) {
  Replay replay("516");
  const auto error = api_error_of([&] { remove_vm(replay.session(), {"asgard", {101}}); });
  EXPECT_EQ(error.reason(), "can't remove VM 101 - protection mode enabled");
}

TEST(ClientChanges, UploadOfADiskImage) {
  Replay replay("349");
  const sys::TempFolder folder;
  sys::write_durable(folder.path() / "base.qcow2", "QFI");
  const auto volume =
      upload(replay.session(), {"asgard", "local", "import", folder.path() / "base.qcow2", "base.qcow2", {}});
  EXPECT_EQ(to_string(volume), "local:import/base.qcow2");
  replay.expect_same_request();
  const auto sent = replay.http().requests().front().upload;
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->fields, (net::Form{{"content", "import"}}));
  EXPECT_EQ(sent->file_name, "base.qcow2");
}

TEST(ClientChanges, UploadThatIsRefused) {
  Replay replay("344");
  const auto error = api_error_of([&] {
    upload(replay.session(), {"asgard", "local", "iso", "/nowhere", "test.txt", {}});
  });
  EXPECT_EQ(error.errors().at("filename"), "wrong file extension");
}

TEST(ClientChanges, StorageOfADirectory) {
  Replay replay("331");
  create_dir_storage(replay.session(), "fast", "/var/lib/vz2", {"images", "rootdir"});
  replay.expect_same_request();
}

TEST(ClientChanges, RemoveAVolume) {
  Replay replay("368");
  remove_volume(replay.session(), "asgard", {"local", "iso/sum.iso"});
  replay.expect_same_request();
  Replay missing("370");
  EXPECT_NO_THROW(remove_volume(missing.session(), "asgard", {"local", "iso/nope.iso"}));
}

TEST(ClientChanges, ExecAsForm) {
  Replay replay("221");
  const auto recorded = net::decode_form(replay.exchange().body);
  ExecRequest request;
  for (const auto& parameter : recorded) request.command.push_back(parameter.second);
  failure_of([&] { guest_exec(replay.session(), kVm, request); });  // the status is another recording
  replay.expect_same_request();
}

TEST(ClientChanges, ExecWithInputSaysWhatTheJsonSaid) {
  Replay replay("224");
  failure_of([&] { guest_exec(replay.session(), kVm, {{"/bin/cat"}, "hello stdin"}); });
  replay.expect_same_request();
}

TEST(ClientChanges, ExecOfAMissingProgramIsAProxyFailure) {
  Replay replay("228");
  const auto error = api_error_of([&] { guest_exec(replay.session(), kVm, {{"/nope"}}); });
  EXPECT_EQ(error.status(), 596);
  EXPECT_EQ(error.reason(), "Broken pipe");
}

TEST(ClientChanges, LoginRefused) {
  Replay replay("007");
  auto& http = const_cast<test::FakeHttp&>(replay.http());
  const auto error = api_error_of([&] { login(http, "https://asgard:8006", "root@pam", Secret("wrong")); });
  EXPECT_EQ(error.status(), 401);
  EXPECT_EQ(error.reason(), "authentication failure");
  replay.expect_same_request();
}

TEST(ClientChanges, Login) {
  Replay replay("002");
  auto& http = const_cast<test::FakeHttp&>(replay.http());
  const auto who = login(http, "https://asgard:8006", "root@pam", Secret("<root password>"));
  EXPECT_TRUE(who.ticket.reveal().starts_with("PVE:root@pam:"));
  EXPECT_FALSE(who.csrf.empty());
  replay.expect_same_request();
}

}  // namespace
}  // namespace hlid::pve
