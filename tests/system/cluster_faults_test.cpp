// What goes wrong with files, disks and clocks while `hlid up` makes a cluster: each run ends with the first
// broken link named and the exit status of the design, changes nothing that the next one could not go on
// from, and once the fault is mended the very same command ends well.
#include "fault_lab.h"

#include "base/text.h"
#include "sys/hash.h"

namespace hlid::test {
namespace {

namespace fs = std::filesystem;
using cli::Exit;

constexpr const char* kImages = "rke2-images.linux-amd64.tar.zst";
constexpr const char* kProgram = "rke2.linux-amd64.tar.gz";
constexpr const char* kSums = "sha256sum-amd64.txt";

/// One way to spoil a folder of artifacts, and what is told of it.
struct Spoil {
  std::string name;
  std::function<void(const fs::path& folder)> spoil;
  std::vector<std::string> told;
};

void write_sums(const fs::path& folder) {
  std::string lines;
  for (const auto& entry : fs::directory_iterator(folder))
    if (const auto name = entry.path().filename().string(); name != kSums)
      lines += sys::sha256_hex(sys::read_file(entry.path())) + "  " + name + "\n";
  sys::write_durable(folder / kSums, lines);
}

void take_from(const std::string& release, const std::string& file, const fs::path& folder) {
  fs::copy_file(fs::path(artifacts(release)) / file, folder / file, fs::copy_options::overwrite_existing);
}

const std::vector<Spoil>& spoils() {
  static const std::vector<Spoil> all{
      {"AMissingFile",
       [](const fs::path& folder) { fs::remove(folder / kImages); },
       {"release-not-reached: ", "/spoilt' lacks files of v1.34.1+rke2r1: rke2-images"}},
      {"MissingChecksums",
       [](const fs::path& folder) { fs::remove(folder / kSums); },
       {"release-not-reached: ", std::string("lacks files of v1.34.1+rke2r1: ") + kSums}},
      {"AFileWithoutAChecksum",
       [](const fs::path& folder) { take_from("v1.34.1+rke2r1-noimages", kSums, folder); },
       {std::string("/spoilt/") + kSums + "' has no line for '" + kImages + "'"}},
      {"ABadChecksum",
       [](const fs::path& folder) { take_from("v1.34.1+rke2r1-corrupt", kProgram, folder); },
       {"corrupt: the digest of '", std::string("/spoilt/") + kProgram + "' is "}},
      {"AnotherRelease",
       [](const fs::path& folder) {
         for (const char* file : {kImages, kProgram, "rke2-images.linux-amd64.txt"})
           take_from("v1.34.2+rke2r1", file, folder);
         write_sums(folder);
       },
       {"/spoilt' holds v1.34.2+rke2r1, the file asks for v1.34.1+rke2r1"}},
      {"AnotherReleasesProgram",
       [](const fs::path& folder) {
         take_from("v1.34.2+rke2r1", kProgram, folder);
         write_sums(folder);
       },
       {"install-release w1: wrong-version: the program in the release says it is v1.34.2+rke2r1, not "
        "v1.34.1+rke2r1"}}};
  return all;
}

class SpoiltRelease : public FaultTest, public testing::WithParamInterface<Spoil> {
 protected:
  void TearDown() override { lab().want(kRelease); }
};

TEST_P(SpoiltRelease, IsNamedAndMended) {
  make_anew("w1");
  const auto folder = lab().copy_of(kRelease);
  lab().want(kRelease, folder);
  GetParam().spoil(folder);
  expect_told(lab().up(), Exit::precondition, GetParam().told);
  EXPECT_EQ(lab().shell("w1", "ls /usr/local/bin/rke2 /usr/local/.hlid-new 2>/dev/null || true"), "");
  expect_well({"m1", "m2", "m3"});
  lab().copy_of(kRelease);
  expect_mended();
}

INSTANTIATE_TEST_SUITE_P(ClusterFaults, SpoiltRelease, testing::ValuesIn(spoils()),
                         [](const auto& spoil) { return spoil.param.name; });

class DiskFault : public FaultTest {
 protected:
  /// The disk of a box, as small as one wants it.
  static void mount_disk(const std::string& name, const std::string& size) {
    lab().shell(name, "mkdir -p /var/lib/rancher && mount -t tmpfs -o mode=755,size=" + size +
                          " disk /var/lib/rancher");
  }
  static void resize_disk(const std::string& name, const std::string& size) {
    lab().shell(name, "mount -o remount,size=" + size + " /var/lib/rancher");
  }
};

TEST_F(DiskFault, ThatIsTooSmallForTheReleaseAndThenForTheCluster) {
  make_anew("w1");
  mount_disk("w1", "20m");
  expect_told(lab().up(), Exit::precondition,
              {"install-release w1: no-space: 'w1' has no room for the release: '/var/lib/rancher"});
  resize_disk("w1", "300m");
  expect_told(lab().up(), Exit::precondition,
              {"join-cluster w1: 'w1' cannot be part of a cluster yet: ", " MiB are free"});
  EXPECT_EQ(lab().shell("w1", "ls /var/lib/rancher/rke2/agent/etc 2>/dev/null || true"), "") << "it started";
  expect_well({"m1", "m2", "m3"});
  resize_disk("w1", "2g");
  expect_mended();
}

TEST_F(DiskFault, ThatIsFullUnderAMemberIsNamed) {
  make_anew("m3");
  mount_disk("m3", "2g");
  EXPECT_EQ(lab().up(), (Told{Exit::done, ""}));
  lab().shell("m3", "systemctl stop rke2-server; rke2-killall.sh >/dev/null 2>&1; true");
  lab().shell("m3",
              "kib=$(df -k --output=used /var/lib/rancher | tail -n 1); "
              "mount -o remount,size=${kib}k /var/lib/rancher");
  expect_told(
      lab().up(kHurry), Exit::failed,
      {"m3 is not ready: link 'unit' does not hold: rke2-server is ", "; its disk is full: 0 MiB are free"});
  expect_well({"m1", "m2", "w1"});
  resize_disk("m3", "2g");
  expect_mended();
}

class ClockFault : public FaultTest {
 protected:
  /// The kernel's clock is the host's: the machine's programs see another, and so does the stand-in.
  static void set_clock(const std::string& name, int ahead) {
    lab().shell(name, fmt::format(
                          R"sh(cat >/usr/local/bin/date <<'end'
exec /usr/bin/date -d "@$(($(/usr/bin/date +%s) + {}))" "$@"
end
sed -i '1i #!/bin/sh' /usr/local/bin/date
chmod 755 /usr/local/bin/date)sh",
                          ahead));
    hasten(name, fmt::format("clock_skew={}\n", ahead));
  }
  static void mend_clock(const std::string& name) {
    lab().shell(name, "rm /usr/local/bin/date");
    hasten(name);
  }
};

TEST_F(ClockFault, OfAJoinerKeepsItOutByName) {
  make_anew("w1");
  set_clock("w1", -300);
  expect_told(lab().up(), Exit::precondition,
              {"join-cluster w1: clocks-apart: clocks are ", "'w1' is behind 'm"});
  EXPECT_EQ(lab().shell("w1", "systemctl is-enabled rke2-agent 2>/dev/null || true"), "disabled\n");
  mend_clock("w1");
  expect_mended();
}

/// Certificates that it made would begin in an hour, whatever its clock says later.
TEST_F(ClockFault, OfTheFounderStopsItBeforeItMakesAnything) {
  for (const auto& name : lab().names()) {
    lab().rebuild(name);
    hasten(name);
  }
  set_clock("m1", 3600);
  expect_told(lab().up(), Exit::precondition,
              {"form-cluster m1: clocks-apart: clocks are 3", "'m2' is behind 'm1'"});
  EXPECT_EQ(lab().shell("m1", "ls /var/lib/rancher/rke2/server 2>/dev/null || true"), "");
  mend_clock("m1");
  expect_mended();
}

}  // namespace
}  // namespace hlid::test

int main(int count, char** words) {
  const int status = hlid::test::run_in_boxes(count, words, "*");
  hlid::test::the_fault_lab().reset();
  return status;
}
