// The way into a machine. The fake hypervisor's agent runs what it is given on this computer, so the scripts
// are the real ones.
#include "drive/agent_guest.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "drive/agent_fleet.h"
#include "support/iso_reader.h"
#include "sys/hash.h"
#include "sys/process.h"
#include "unit/drive/lab.h"

namespace hlid::drive {
namespace {

class AgentGuestTest : public ::testing::Test, protected Bench {
 protected:
  AgentGuestTest() {
    make_template();
    make_machine(1);
    make_machine(2);
    for (int vmid : {1001, 1002}) pve.guests[vmid].running = true;
    pve.calls.clear();
    pve.exec = [this](int, const std::vector<std::string>& argv, const std::string& input) {
      const auto result = posix.run({argv, {}, input});
      inputs.push_back(input);
      return test::FakePve::Executed{result.status, result.output, result.error_output};
    };
  }
  std::string write(const std::string& name, const std::string& text) const {
    sys::write_durable(folder.path() / name, text);
    return (folder.path() / name).string();
  }

  sys::PosixProcessRunner posix;
  std::vector<std::string> inputs;
  DiscShelf shelf{lab, folder.path() / "discs"};
  AgentFleet fleet{lab, session, shelf, false};
};

TEST_F(AgentGuestTest, ScriptsSeeTheirArgumentsAndAnEmptyInput) {
  const auto ran = fleet.guest("lab-web-1")->run("printf '%s|' \"$@\"; cat; exit 3", {"a b", "$HOME"});
  EXPECT_EQ(ran.output, "a b|$HOME|");
  EXPECT_EQ(ran.status, 3);
  EXPECT_FALSE(ran.ok());
}

TEST_F(AgentGuestTest, ScriptsWithOtherCharactersArriveAsTheyAre) {
  EXPECT_EQ(fleet.guest("lab-web-1")->run("echo 'é → ü'").output, "é → ü\n");
  EXPECT_EQ(inputs.back().find("\xc3"), std::string::npos);
}

TEST_F(AgentGuestTest, FilesAreWrittenWholeWithTheirMode) {
  const auto path = (folder.path() / "etc" / "rancher" / "config.yaml").string();
  const std::string content("token: s\0cret\n\xff", 15);
  fleet.guest("lab-web-1")->write_file(path, content, "0640");
  EXPECT_EQ(sys::read_file(path), content);
  struct stat is {};
  ASSERT_EQ(::stat(path.c_str(), &is), 0);
  EXPECT_EQ(is.st_mode & 07777, 0640U);
  ASSERT_EQ(::stat((folder.path() / "etc").c_str(), &is), 0);
  EXPECT_EQ(is.st_mode & 07777, 0755U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path() / "etc" / "rancher"), {}), 1);
}

TEST_F(AgentGuestTest, AFileThatCannotBeWrittenLeavesTheOldOne) {
  const auto path = write("old", "old");
  EXPECT_EQ(code_of([&] { fleet.guest("lab-web-1")->write_file(path, "new", "no-mode"); }), Errc::failed);
  EXPECT_EQ(sys::read_file(path), "old");
}

TEST_F(AgentGuestTest, PullsFilesOfAnySize) {
  std::string content;
  for (int i = 0; content.size() < 2'500'000; ++i) content += sys::sha256_hex(std::to_string(i));
  const auto from = write("snapshot", content);
  const auto to = folder.path() / "bundles" / "one";
  fleet.guest("lab-web-1")->pull(from, to);
  EXPECT_EQ(sys::sha256_file(to), sys::sha256_hex(content));
  EXPECT_FALSE(std::filesystem::exists(to.string() + ".part"));
  EXPECT_EQ(code_of([&] { fleet.guest("lab-web-1")->pull(from + ".gone", to); }), Errc::failed);
}

TEST_F(AgentGuestTest, ASilentAgentIsAnIoError) {
  pve.guests[1001].agent = false;
  EXPECT_EQ(code_of([&] { fleet.guest("lab-web-1")->run("true"); }), Errc::io);
  pve.guests[1001].running = false;
  EXPECT_EQ(code_of([&] { fleet.guest("lab-web-1")->read_file("/etc/hostname"); }), Errc::io);
}

TEST_F(AgentGuestTest, OnlyMachinesOfOursAreEntered) {
  EXPECT_EQ(code_of([&] { fleet.guest("lab-web-9"); }), Errc::not_found);
  pve.guests[1001].config["tags"] = "somebody";
  EXPECT_EQ(code_of([&] { fleet.guest("lab-web-1"); }), Errc::conflict);
  EXPECT_FALSE(fleet.runs("lab-web-1"));
  EXPECT_TRUE(fleet.runs("lab-web-2"));
}

TEST_F(AgentGuestTest, AMachineThatTheFileDoesNotNameAnyMoreIsStillReached) {
  lab.machines.pop_back();
  EXPECT_TRUE(fleet.runs("lab-web-2"));
  EXPECT_EQ(fleet.guest("lab-web-2")->run("echo in").output, "in\n");
}

TEST_F(AgentGuestTest, PowerIsCutAndComesBack) {
  const auto guest = fleet.guest("lab-web-1");
  guest->cut_power();
  guest->cut_power();
  EXPECT_FALSE(fleet.runs("lab-web-1"));
  guest->power_on();
  EXPECT_TRUE(fleet.runs("lab-web-1"));
  pve.guests[1001].agent = false;
  EXPECT_EQ(code_of([&] { guest->power_on(); }), Errc::timeout);
}

/// The shelf itself; mounting needs a real machine.
class DiscShelfTest : public AgentGuestTest {
 protected:
  DiscShelf::Files files() const {
    return {{"rke2.linux-amd64.tar.gz", write("bundle", "the bundle")}, {"sums", write("sums", "the sums")}};
  }
  DiscShelf::Disc provide() {
    return shelf.provide(session, "asgard", "rke2-v1.34.1+rke2r1", files(), [](const auto&) {});
  }
  std::size_t uploads() const {
    return static_cast<std::size_t>(std::count_if(
        pve.calls.begin(), pve.calls.end(), [](const auto& call) { return call.ends_with("/upload"); }));
  }
};

TEST_F(DiscShelfTest, TheSameFilesAreUploadedOnce) {
  std::string seen;
  pve.before = [&](const net::HttpRequest& request) -> std::optional<net::HttpResponse> {
    if (request.upload) seen = sys::read_file(request.upload->file);
    return std::nullopt;
  };
  const auto disc = provide();
  EXPECT_TRUE(pve.volumes.contains(to_string(disc.volume)));
  EXPECT_TRUE(disc.volume.name.starts_with("iso/hlid-lab-rke2-v1.34.1-rke2r1-"));
  EXPECT_TRUE(contains(seen, "the bundle"));
  EXPECT_EQ(seen.substr(32808, disc.label.size()), disc.label);
  provide();
  DiscShelf another(lab, folder.path() / "discs");  // the next run
  another.provide(session, "asgard", "rke2-v1.34.1+rke2r1", files(), [](const auto&) {});
  EXPECT_EQ(uploads(), 1U);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "discs"));
}

TEST_F(DiscShelfTest, APartOfAnUploadIsReplaced) {
  const auto disc = provide();
  pve.volume_sizes[to_string(disc.volume)] = 3;
  DiscShelf(lab, folder.path() / "discs")
      .provide(session, "asgard", "rke2-v1.34.1+rke2r1", files(), [](const auto&) {});
  EXPECT_EQ(uploads(), 2U);
}

TEST_F(DiscShelfTest, AFailedUploadIsTriedAgain) {
  bool broken = true;
  pve.before = [&](const net::HttpRequest& request) -> std::optional<net::HttpResponse> {
    if (request.upload && broken) return net::HttpResponse{500, "disk full", {}, "{}"};
    return std::nullopt;
  };
  EXPECT_EQ(code_of([&] { provide(); }), Errc::failed);
  broken = false;
  provide();
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "discs"));
}

TEST_F(DiscShelfTest, AttachedOnceDetachedAndRemovedWhenNobodyHasIt) {
  const auto disc = provide();
  shelf.attach(session, {"asgard", {1001}}, disc);
  shelf.attach(session, {"asgard", {1001}}, disc);
  EXPECT_EQ(pve.guests[1001].config["scsi1"], to_string(disc.volume) + ",media=cdrom");
  EXPECT_FALSE(pve.guests[1001].config.contains("scsi2"));
  shelf.remove_unused(session);
  EXPECT_TRUE(pve.volumes.contains(to_string(disc.volume)));
  pve.volumes.insert("local:iso/debian-12.iso");
  shelf.detach(session, {"asgard", {1001}});
  shelf.remove_unused(session);
  EXPECT_EQ(pve.volumes, (std::set<std::string>{"local:iso/debian-12.iso"}));
  provide();
  EXPECT_TRUE(pve.volumes.contains(to_string(disc.volume))) << "made again when it is wanted again";
}

TEST_F(DiscShelfTest, AMachineThatTakesNoDiscWhileItRunsIsAPrecondition) {
  pve.before = [&](const net::HttpRequest& request) -> std::optional<net::HttpResponse> {
    if (!request.url.ends_with("/pending")) return std::nullopt;
    return net::HttpResponse{200, "OK", {}, R"({"data":[{"key":"scsi1","pending":"x"}]})"};
  };
  EXPECT_EQ(code_of([&] { shelf.attach(session, {"asgard", {1001}}, provide()); }), Errc::precondition);
}

}  // namespace
}  // namespace hlid::drive
