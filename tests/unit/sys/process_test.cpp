#include "sys/process.h"
#include "sys/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "base/error.h"
#include "sys/entropy.h"
#include "sys/files.h"
#include "sys/hash.h"

namespace hlid::sys {
namespace {

TEST(Process, GivesOutputErrorsAndStatusApart) {
  PosixProcessRunner runner;
  const auto result = runner.run({.argv = {"sh", "-c", "cat; echo bad >&2; exit 3"}, .input = "hello"});
  EXPECT_EQ(result.ending, Ending::exited);
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.output, "hello");
  EXPECT_EQ(result.error_output, "bad\n");
  EXPECT_EQ(result.describe(), "exited with 3: bad");
}

TEST(Process, AnArgumentIsNeverAShellString) {
  PosixProcessRunner runner;
  EXPECT_EQ(runner.run({.argv = {"echo", "$HOME; `id` 'x'"}}).output, "$HOME; `id` 'x'\n");
}

TEST(Process, AMissingProgramIsNotStarted) {
  PosixProcessRunner runner;
  const Command command{.argv = {"no-such-program-here"}};
  EXPECT_EQ(runner.run(command).ending, Ending::not_started);
  try {
    run_checked(runner, command);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
  }
}

TEST(Process, ATimeoutEndsTheWholeGroup) {
  PosixProcessRunner runner;
  const TempFolder folder;
  const auto pid_file = (folder.path() / "pid").string();
  const auto result = runner.run({.argv = {"sh", "-c", "sleep 100 & echo $! > \"$0\"; wait", pid_file},
                                  .timeout = std::chrono::milliseconds(300)});
  EXPECT_EQ(result.ending, Ending::timed_out);
  const ProcessId sleeper{std::stoi(read_file(pid_file)), 0};
  // Killed is not gone: the kernel ends it when it gets to it.
  EXPECT_TRUE(wait_gone({sleeper.pid, start_time_of(sleeper.pid).value_or(0)}, std::chrono::seconds(20)));
}

TEST(Process, AStopRequestEndsIt) {
  PosixProcessRunner runner;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(runner.run({.argv = {"sleep", "100"}}, stop.get_token()).ending, Ending::cancelled);
}

TEST(Process, OutputBeyondTheLimitIsDropped) {
  PosixProcessRunner runner;
  EXPECT_EQ(runner.run({.argv = {"head", "-c", "100000", "/dev/zero"}, .output_limit = 10}).output.size(),
            10U);
}

TEST(Process, LinesComeOneByOne) {
  PosixProcessRunner runner;
  std::vector<std::string> lines;
  runner.run({.argv = {"printf", "a\\nb\\nc"},
              .on_line = [&](const auto& l) { lines.push_back(l); },
              .lines_of_output = true});
  EXPECT_EQ(lines, (std::vector<std::string>{"a", "b", "c"}));
}

TEST(Process, ADetachedProgramIsKnownByPidAndStartTime) {
  const auto process = spawn_detached({"sleep", "100"});
  EXPECT_TRUE(is_alive(process));
  EXPECT_FALSE(send_signal({process.pid, process.start_time + 1}, SIGKILL)) << "another process of that pid";
  EXPECT_FALSE(wait_gone(process, std::chrono::milliseconds(1)));
  EXPECT_TRUE(send_signal(process, SIGKILL));
  EXPECT_TRUE(wait_gone(process, std::chrono::seconds(10)));
  EXPECT_FALSE(is_alive(process));
}

TEST(Hash, AsInFips180) {
  EXPECT_EQ(sha1_hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Random, MakesVersion4Uuids) {
  SystemRandom random;
  const auto uuid = random.uuid().text;
  EXPECT_EQ(uuid.size(), 36U);
  EXPECT_EQ(uuid[14], '4');
  EXPECT_NE(uuid, random.uuid().text);
  EXPECT_LT(random.number(3), 3U);
}

TEST(ProcessRunner, ChildrenInheritNoDescriptorOfOurs) {
  const UniqueFd careless(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC, as some libraries do
  PosixProcessRunner runner;
  const auto result = runner.run({.argv = {"readlink", "/proc/self/fd/" + std::to_string(careless.get())}});
  EXPECT_EQ(result.output, "");
}

}  // namespace
}  // namespace hlid::sys
