#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <future>
#include <map>
#include <thread>

#include "guest/dbus.h"
#include "guest/files.h"
#include "guest/gpt.h"
#include "guest/identity.h"
#include "guest/memory.h"
#include "guest/network.h"
#include "guest/personalise.h"
#include "guest/systemd.h"
#include "guest/warm_values.h"
#include "guest/word.h"
#include "sys/files.h"
#include "sys/process.h"

namespace hlid::guest {
namespace {

namespace fs = std::filesystem;

Identity machine() {
  Identity identity;
  identity.instance_id = "4f1c";
  identity.hostname = "lab-master-1";
  identity.fqdn = "lab-master-1.lab";
  identity.machine_id = std::string(32, 'a');
  identity.user = "odin";
  identity.authorized_keys = {"ssh-ed25519 AAAA one", "ssh-rsa BBBB two"};
  identity.host_keys = {{"ed25519", "PRIVATE\n", "ssh-ed25519 CCCC"}};
  identity.mac = "bc:24:11:00:00:05";
  identity.address = "10.10.10.101/24";
  identity.gateway = "10.10.10.1";
  identity.dns = {"10.10.10.1", "1.1.1.1"};
  identity.search = {"lab"};
  return identity;
}

TEST(Identity, ReadsAllThatTheNodeWrites) {
  std::string why;
  const auto identity = parse_identity(
      "version 1\ninstance-id 4f1c\nhostname a\nfqdn a.lab\nmachine-id " + std::string(32, '0') +
          "\nuser odin\npassword %245%24x\nauthorized-key ssh-ed25519%20AAAA%20me\nauthorized-key b\n"
          "host-key ed25519 -----BEGIN%0A ssh-ed25519%20CC\nmac bc:24:11:00:00:05\naddress 10.0.0.5/24\n"
          "gateway 10.0.0.1\ndns 10.0.0.1\nsearch lab\n",
      why);
  ASSERT_TRUE(identity.has_value()) << why;
  EXPECT_EQ(identity->password_hash, "$5$x");
  EXPECT_EQ(identity->authorized_keys, (std::vector<std::string>{"ssh-ed25519 AAAA me", "b"}));
  EXPECT_EQ(identity->host_keys.at(0).private_key, "-----BEGIN\n");
  EXPECT_EQ(identity->host_keys.at(0).public_key, "ssh-ed25519 CC");
}

TEST(Identity, RefusesWhatIsNotWhole) {
  std::string why;
  for (const std::string text :
       {"", "version 2\n", "version 1\n", "version 1\nrubbish\n", "version 1\nunknown x\n",
        "version 1\nhost-key dsa a b\n", "version 1\ninstance-id ../x\n"}) {
    EXPECT_FALSE(parse_identity(text, why).has_value()) << text;
    EXPECT_FALSE(why.empty());
  }
}

TEST(Personalise, ReplacesEachValueWhereverItStands) {
  const auto all = substitutions(machine());
  EXPECT_EQ(personalise("127.0.1.1 hlid-warm-host-0.hlid-warm-domain-0 hlid-warm-host-0\n", all),
            "127.0.1.1 lab-master-1.lab lab-master-1\n");
  EXPECT_EQ(personalise("Address=192.0.2.77/27\nGateway=192.0.2.65\n", all),
            "Address=10.10.10.101/24\nGateway=10.10.10.1\n");
  EXPECT_EQ(personalise("netmask: '255.255.255.224'\n", all), "netmask: '255.255.255.0'\n");
  EXPECT_EQ(personalise("macaddress: \"02:68:6c:69:64:00\"\n", all), "macaddress: \"bc:24:11:00:00:05\"\n");
  EXPECT_EQ(personalise("nothing of ours\n", all), "nothing of ours\n");
}

TEST(Personalise, RepeatsTheLinesOfLists) {
  const auto all = substitutions(machine());
  EXPECT_EQ(personalise("DNS=192.0.2.66\nDomains=hlid-warm-domain-0\n", all),
            "DNS=10.10.10.1\nDNS=1.1.1.1\nDomains=lab\n");
  EXPECT_EQ(personalise("  - " + std::string(warm::kKey) + "\n", all),
            "  - ssh-ed25519 AAAA one\n  - ssh-rsa BBBB two\n");
}

TEST(Personalise, DropsTheLinesOfEmptyLists) {
  auto identity = machine();
  identity.search.clear();
  identity.fqdn = "lab-master-1";
  EXPECT_EQ(personalise("a\nDomains=hlid-warm-domain-0\nb\n", substitutions(identity)), "a\nb\n");
}

TEST(Personalise, KeepsJsonWhole) {
  const std::string key(warm::kKey);
  const std::string text =
      "{\n \"keys\": [\n  \"" + key +
      "\"\n ],\n \"local_hostname\": \"hlid-warm-host-0\",\n \"userdata\": \"#cloud-config\\nkeys:\\n  - " +
      key + "\\nend: 1\\n\"\n}\n";
  auto identity = machine();
  EXPECT_EQ(personalise_json(text, substitutions(identity)),
            "{\n \"keys\": [\n  \"ssh-ed25519 AAAA one\", \"ssh-rsa BBBB two\"\n ],\n \"local_hostname\": "
            "\"lab-master-1\",\n \"userdata\": \"#cloud-config\\nkeys:\\n  - ssh-ed25519 AAAA one\\n  - "
            "ssh-rsa BBBB "
            "two\\nend: 1\\n\"\n}\n");
  identity.authorized_keys.clear();
  EXPECT_EQ(personalise_json(text, substitutions(identity)),
            "{\n \"keys\": [\n  \n ],\n \"local_hostname\": \"lab-master-1\",\n \"userdata\": "
            "\"#cloud-config\\nkeys:\\nend: 1\\n\"\n}\n");
}

TEST(Memory, CountsWhatBuffersMayUse) {
  EXPECT_EQ(buffer_pages(
                "Node 0, zone      DMA\n  pages free     3840\n        boost    0\n        min      89\n"
                "        low      111\n        high     133\n        managed  3840\n  pagesets\n    cpu: 0\n"
                "              count: 0\n              high:  14\n"
                "Node 0, zone    DMA32\n        high     1000\n        managed  500000\n"
                "Node 0, zone  Movable\n        high     32\n        managed  0\n"),
            3840U - 133 + 500000 - 1000);
}

// What Linux 6.8 has after a boot with 2 GiB.
TEST(Memory, GivesTheLimitsOfABoot) {
  std::map<std::string, std::string> limits;
  for (const auto& limit : limits_of(503455, 484336)) limits[limit.name] = limit.value;
  EXPECT_EQ(limits["net/ipv4/tcp_mem"], "22701 30271 45402");
  EXPECT_EQ(limits["net/ipv4/udp_mem"], "45405 60542 90810");
  EXPECT_EQ(limits["net/ipv4/tcp_max_orphans"], "8192");
  EXPECT_EQ(limits["net/ipv4/tcp_max_tw_buckets"], "8192");
  EXPECT_EQ(limits["net/ipv4/inet_peer_threshold"], "65664");
}

TEST(Password, ChangesOneUserOnly) {
  const std::string shadow = "root:*:1:0:99999:7:::\nodin:!:20782:0:99999:7:::\nodin2:x:1::::::\n";
  EXPECT_EQ(with_password(shadow, "odin", "$5$h"),
            "root:*:1:0:99999:7:::\nodin:$5$h:20782:0:99999:7:::\nodin2:x:1::::::\n");
  EXPECT_EQ(with_password(shadow, "odin", ""), shadow);
}

/// A root folder as cloud-init leaves it in the warm copy.
class WarmRoot : public ::testing::Test {
 protected:
  void put(const std::string& path, const std::string& text, mode_t mode = 0644) {
    fs::create_directories((folder_.path() / path).parent_path());
    sys::write_durable(folder_.path() / path, text, mode);
  }
  std::string get(const std::string& path) { return sys::read_file(folder_.path() / path); }

  void SetUp() override {
    put("etc/passwd", "root:x:0:0:root:/root:/bin/bash\nodin:x:1000:1000:odin:/home/odin:/bin/bash\n");
    put("etc/machine-id", "warm\n", 0644);
    put("etc/shadow", "odin:!:1:0:99999:7:::\n", 0640);
    put("etc/hosts", "127.0.1.1 hlid-warm-host-0.hlid-warm-domain-0 hlid-warm-host-0\n");
    put("etc/netplan/50-cloud-init.yaml", "- \"192.0.2.77/27\"\n", 0600);
    put("home/odin/.ssh/authorized_keys", std::string(warm::kKey) + "\n", 0600);
    put("etc/ssh/ssh_host_ed25519_key.pub", "old\n");
    put("var/lib/systemd/random-seed", "old");
    put("var/lib/cloud/data/instance-id", "hlid-warm-instance-0\n");
    put("var/lib/cloud/instances/hlid-warm-instance-0/cloud-config.txt", "hostname: hlid-warm-host-0\n",
        0600);
    put("var/lib/cloud/instances/hlid-warm-instance-0/obj.pkl", "pickle");
    fs::create_directory_symlink(folder_.path() / "var/lib/cloud/instances/hlid-warm-instance-0",
                                 folder_.path() / "var/lib/cloud/instance");
  }

  sys::TempFolder folder_;
};

TEST_F(WarmRoot, BecomesTheMachineEverywhere) {
  const auto failures = write_identity(folder_.path(), machine(), "fresh");
  EXPECT_EQ(failures, std::vector<std::string>{});
  EXPECT_EQ(get("etc/hostname"), "lab-master-1\n");
  EXPECT_EQ(get("etc/machine-id"), std::string(32, 'a') + "\n");
  EXPECT_EQ(get("etc/hosts"), "127.0.1.1 lab-master-1.lab lab-master-1\n");
  EXPECT_EQ(get("etc/netplan/50-cloud-init.yaml"), "- \"10.10.10.101/24\"\n");
  EXPECT_EQ(get("home/odin/.ssh/authorized_keys"), "ssh-ed25519 AAAA one\nssh-rsa BBBB two\n");
  EXPECT_EQ(get("etc/ssh/ssh_host_ed25519_key"), "PRIVATE\n");
  EXPECT_EQ(get("etc/ssh/ssh_host_ed25519_key.pub"), "ssh-ed25519 CCCC\n");
  EXPECT_EQ(get("var/lib/systemd/random-seed"), "fresh");
  EXPECT_EQ(get("var/lib/cloud/data/instance-id"), "4f1c\n");
  EXPECT_EQ(get("var/lib/cloud/instances/4f1c/cloud-config.txt"), "hostname: hlid-warm-host-0\n")
      << "the link leads into the guest's own root, which a test cannot follow";
  EXPECT_FALSE(fs::exists(folder_.path() / "var/lib/cloud/instances/4f1c/obj.pkl"));
  struct stat info {};
  ASSERT_EQ(::stat((folder_.path() / "etc/netplan/50-cloud-init.yaml").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(WarmRoot, SaysThatTheTemplateHasAnotherUser) {
  auto identity = machine();
  identity.user = "thor";
  EXPECT_EQ(write_identity(folder_.path(), identity, "fresh"),
            std::vector<std::string>{"no user 'thor' in the template"});
}

/// The judge of the table is sfdisk, not our own reader.
class GptTest : public ::testing::Test {
 protected:
  void make_disk(std::int64_t bytes) {
    sys::write_durable(disk_, "");
    fs::resize_file(disk_, static_cast<std::uintmax_t>(bytes));
    sys::run_checked(runner_,
                     {.argv = {"sfdisk", "-q", disk_.string()},
                      .input = "label: gpt\nstart=2048,size=2048\nstart=4096,size=4096\nstart=8192\n"});
  }
  std::string dump() { return sys::run_checked(runner_, {.argv = {"sfdisk", "--dump", disk_.string()}}); }
  std::string verify() { return sys::run_checked(runner_, {.argv = {"sfdisk", "--verify", disk_.string()}}); }

  sys::PosixProcessRunner runner_;
  sys::TempFolder folder_;
  fs::path disk_ = folder_.path() / "disk";
};

TEST_F(GptTest, GrowsTheLastPartitionToTheEnd) {
  make_disk(64 << 20);
  fs::resize_file(disk_, 256U << 20);
  const int fd = ::open(disk_.c_str(), O_RDWR | O_CLOEXEC);
  std::string why;
  const auto grown = grow_partition(fd, 3, (256U << 20) / 512, why);
  const auto again = grow_partition(fd, 3, (256U << 20) / 512, why);
  ::close(fd);
  ASSERT_TRUE(grown && again) << why;
  EXPECT_EQ(grown->first_sector, 8192U);
  EXPECT_EQ(again->sectors, grown->sectors);
  EXPECT_GT(grown->sectors * 512, 250U << 20);
  EXPECT_NE(dump().find(std::to_string(grown->sectors)), std::string::npos) << dump();
  EXPECT_NE(verify().find("No errors detected"), std::string::npos) << verify();
}

TEST_F(GptTest, RefusesAPartitionInTheMiddleAndADiskWithoutTable) {
  make_disk(64 << 20);
  std::string why;
  int fd = ::open(disk_.c_str(), O_RDWR | O_CLOEXEC);
  EXPECT_FALSE(grow_partition(fd, 2, (64U << 20) / 512, why).has_value());
  EXPECT_EQ(why, "partition 2 is not the last one");
  ::close(fd);
  fs::resize_file(disk_, 0);
  fs::resize_file(disk_, 1U << 20);
  fd = ::open(disk_.c_str(), O_RDWR | O_CLOEXEC);
  EXPECT_FALSE(grow_partition(fd, 1, 2048, why).has_value());
  ::close(fd);
}

// D-Bus specification, "Message Format": endianness, type, flags, version, body length, serial, fields.
TEST(ServiceManager, IsCalledAsTheBusWantsIt) {
  const auto message = start_unit_message(7, "ssh.service");
  EXPECT_EQ(message.substr(0, 4), std::string("l\1\0\1", 4));
  const std::string body = std::string("\x0b\0\0\0ssh.service\0\x07\0\0\0replace\0", 28);
  EXPECT_EQ(message.substr(4, 4), std::string("\x1c\0\0\0", 4));
  EXPECT_EQ(message.substr(8, 4), std::string("\x07\0\0\0", 4));
  EXPECT_EQ(message.substr(message.size() - body.size()), body);
  EXPECT_EQ((message.size() - body.size()) % 8, 0U);
  EXPECT_NE(message.find(std::string("\x03\1s\0\x09\0\0\0StartUnit\0", 18)), std::string::npos);
  EXPECT_NE(message.find(std::string("\x08\1g\0\x02ss\0", 8)), std::string::npos);
}

/// A message of another type than a call, made as one: the type is the second byte.
std::string message_of(unsigned char type, const std::string& member, const std::string& body) {
  auto message = dbus::call_message(1, {"a.b", "/a", "a.b", member, "s"}, body);
  message[1] = static_cast<char>(type);
  return message;
}

std::string job_removed(const std::string& job, const std::string& unit, const std::string& result) {
  std::string body;
  dbus::put_number(body, 12);
  for (const auto& text : {job, unit, result}) dbus::put_text(body, text);
  return message_of(dbus::kSignal, "JobRemoved", body);
}

/// A reply's header has the serial of its call as its only field here.
std::string reply_to(std::uint32_t serial, unsigned char type, const std::string& text) {
  std::string body;
  dbus::put_text(body, text);
  std::string message{'l', static_cast<char>(type), 0, 1};
  dbus::put_number(message, static_cast<std::uint32_t>(body.size()));
  dbus::put_number(message, 77);
  dbus::put_number(message, 8);
  message += std::string{5, 1, 'u', 0};
  dbus::put_number(message, serial);
  return message + body;
}

TEST(Jobs, AreOverWhenTheLastHasEndedWhateverComesFirst) {
  Jobs jobs({{1, "a.service"}, {2, "b.service"}});
  jobs.take(job_removed("/job/8", "b.service", "done"));
  jobs.take(reply_to(1, dbus::kMethodReturn, "/job/7"));
  EXPECT_FALSE(jobs.over());
  jobs.take(reply_to(2, dbus::kMethodReturn, "/job/8"));
  jobs.take(job_removed("/job/9", "of-another.service", "failed"));
  EXPECT_FALSE(jobs.over());
  jobs.take(job_removed("/job/7", "a.service", "done"));
  EXPECT_TRUE(jobs.over());
  EXPECT_TRUE(jobs.failures().empty());
}

TEST(Jobs, TellWhatDidNotStartAndWhatWasRefused) {
  Jobs jobs({{1, "a.service"}, {2, "b.service"}});
  jobs.take(reply_to(1, dbus::kMethodReturn, "/job/7"));
  jobs.take(job_removed("/job/7", "a.service", "failed"));
  jobs.take(reply_to(2, dbus::kError, "Unit b.service not found."));
  EXPECT_TRUE(jobs.over());
  EXPECT_EQ(jobs.failures(), (std::vector<std::string>{"a.service does not start: failed",
                                                       "cannot start b.service: Unit b.service not found."}));
}

TEST(Network, ReadsAddressesWithTheirPrefix) {
  const auto ip = parse_ipv4("10.10.10.101/24");
  ASSERT_TRUE(ip.ok);
  EXPECT_EQ(ip.address, htonl(0x0a0a0a65));
  EXPECT_EQ(ip.mask, htonl(0xffffff00));
  EXPECT_EQ(parse_ipv4("10.0.0.1/32").mask, htonl(0xffffffff));
  for (const char* bad : {"", "10.10.10.101", "10.10.10/24", "10.10.10.101/", "10.10.10.101/0",
                          "10.10.10.101/33", "10.10.10.101/2x", "10.10.10.101/224", "fd00::1/64"})
    EXPECT_FALSE(parse_ipv4(bad).ok) << bad;
}

TEST(Network, FindsTheCardByItsMac) {
  const sys::TempFolder folder("net");
  for (const auto& [name, mac] : std::map<std::string, std::string>{
           {"lo", "00:00:00:00:00:00"}, {"eth0", "bc:24:11:00:00:05"}, {"eth1", "bc:24:11:00:00:06"}}) {
    fs::create_directories(folder.path() / name);
    sys::write_durable(folder.path() / name / "address", mac + "\n");
  }
  EXPECT_EQ(interface_with_mac(folder.path(), "bc:24:11:00:00:06"), "eth1");
  EXPECT_EQ(interface_with_mac(folder.path(), "bc:24:11:00:00:07"), "");
  EXPECT_EQ(interface_with_mac("/nowhere", "bc:24:11:00:00:05"), "");
}

TEST(Word, IsWaitedForAndTakenOnce) {
  const sys::TempFolder folder("word");
  const std::string fifo = folder.path() / "wake";
  auto word = std::async(std::launch::async, [&] { return wait_for_word(fifo.c_str()); });
  int fd = -1;
  while ((fd = ::open(fifo.c_str(), O_WRONLY | O_CLOEXEC)) < 0) std::this_thread::yield();
  struct stat info {};
  ASSERT_EQ(::fstat(fd, &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
  const std::string sent("12 34\n\0entropy", 14);
  ASSERT_EQ(::write(fd, sent.data(), sent.size()), 14);
  ::close(fd);
  EXPECT_EQ(word.get(), sent);
  EXPECT_FALSE(fs::exists(fifo));
}

}  // namespace
}  // namespace hlid::guest
