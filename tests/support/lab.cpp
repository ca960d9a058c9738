#include "support/lab.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "support/leftovers.h"
#include "sys/files.h"
#include "sys/home.h"
#include "sys/spawn.h"

namespace hlid::test {

namespace fs = std::filesystem;

fs::path program(const std::string& name) {
  const char* folder = std::getenv("HLID_BIN");
  return (folder != nullptr ? fs::path(folder) : sys::program_folder()) / name;
}

fs::path test_cache() {
  const char* given = std::getenv("HLID_TEST_CACHE");
  const fs::path cache =
      given != nullptr ? fs::path(given) : sys::program_folder().parent_path() / "test-cache";
  sys::make_folder(cache);
  return fs::absolute(cache);
}

fs::path tiny_disk() {
  sys::PosixProcessRunner runner;
  const fs::path script = fs::path(HLID_SOURCE_DIR) / "tests/support/tiny-guest";
  sys::run_checked(runner, {.argv = {script.string(), (test_cache() / "tiny").string()},
                            .timeout = std::chrono::minutes(10)});
  return test_cache() / "tiny" / "tiny.img";
}

std::uint64_t number_from_env(const std::string& name, std::uint64_t otherwise) {
  const char* text = std::getenv(("HLID_" + name).c_str());
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

// --- Running ---------------------------------------------------------------------------------------------

Running::Running(pid_t pid, fs::path output) : pid_(pid), output_(std::move(output)) {}

Running::Running(Running&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), status_(other.status_), output_(std::move(other.output_)) {}

Running::~Running() {
  if (pid_ == 0 || poll()) return;
  signal(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Running::signal(int number) const {
  if (pid_ != 0 && !status_) ::kill(pid_, number);
}

bool Running::poll() {
  int status = 0;
  if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_)
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return status_.has_value();
}

bool Running::alive() {
  return !poll();
}

std::optional<int> Running::wait(std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!poll() && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return status_;
}

std::string Running::output() const {
  return sys::read_file_if_exists(output_).value_or("");
}

// --- Lab -------------------------------------------------------------------------------------------------

namespace {

/// Short, because unix socket paths are (107 bytes).
fs::path make_lab_folder(const std::string& purpose) {
  std::string pattern = "/tmp/hl-" + purpose + ".XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw system_error("cannot make '" + pattern + "'");
  const auto self = sys::self_process_id();
  sys::write_durable(fs::path(pattern) / "owner", fmt::format("{} {}", self.pid, self.start_time));
  return pattern;
}

void end_processes_of(const fs::path& folder) {
  // Again and again: a supervisor may have started another in between.
  for (int round = 0; round < 50; ++round) {
    const auto left = processes_of(folder.string());
    if (left.empty()) return;
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

/// What test programs left that were killed themselves, by a time limit for example.
void sweep_orphans() {
  for (const auto& entry : fs::directory_iterator("/tmp")) {
    if (!entry.path().filename().string().starts_with("hl-")) continue;
    if (::access(entry.path().c_str(), R_OK | X_OK) != 0) continue;  // another user's
    const auto owner = split(sys::read_file_if_exists(entry.path() / "owner").value_or(""), ' ');
    if (owner.size() != 2) continue;
    if (sys::is_alive({std::stoi(owner[0]), std::stoull(owner[1])})) continue;
    end_processes_of(entry.path());
    std::error_code none;
    fs::remove_all(entry.path(), none);
  }
}

}  // namespace

Lab::Lab(const std::string& purpose)
    : folder_(make_lab_folder(purpose)), home_(folder_ / "h"), interfaces_before_(network_interfaces()) {
  sweep_orphans();
  sys::make_folder(home_ / "cache", 0700);
  sys::make_folder(folder_ / "user" / ".ssh", 0700);
  sys::make_folder(test_cache() / "templates");
  // Building one template takes minutes: all labs share them.
  fs::create_directory_symlink(test_cache() / "templates", home_ / "cache" / "templates");
  env_ = {{"HLID_HOME", home_.string()},
          {"HOME", (folder_ / "user").string()},
          {"TERM", "dumb"},
          {"LC_ALL", "C.UTF-8"}};
}

Lab::~Lab() {
  try {
    kill_all();
    if (std::getenv("HLID_KEEP") == nullptr) fs::remove_all(folder_);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lab: teardown: %s\n", error.what());
  }
}

fs::path Lab::write(const std::string& name, const std::string& text) const {
  sys::write_durable(folder_ / name, text);
  return folder_ / name;
}

void Lab::set_env(const std::string& name, const std::string& value) {
  env_.emplace_back(name, value);
}

sys::ProcessResult Lab::hlid(std::vector<std::string> arguments, std::chrono::seconds timeout,
                             const std::string& input) {
  transcript_ += "$ hlid " + join(arguments, " ") + "\n";
  arguments.insert(arguments.begin(), program("hlid").string());
  sys::PosixProcessRunner runner;
  auto result = runner.run({.argv = std::move(arguments),
                            .env = env_,
                            .input = input,
                            .folder = folder_.string(),
                            .timeout = timeout});
  transcript_ += result.output + result.error_output;
  return result;
}

Running Lab::start(const std::string& program_name, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv{program(program_name).string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const fs::path output = folder_ / ("out-" + std::to_string(started_++));
  const sys::UniqueFd file(::open(output.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600));
  if (!file) throw system_error("cannot make '" + output.string() + "'");
  pid_t pid = 0;
  const sys::SpawnOptions options{.folder = folder_.string(),
                                  .env = env_,
                                  .fds = {{-1, 0}, {file.get(), 1}, {file.get(), 2}},
                                  .new_group = true};
  if (const int failure = sys::spawn(argv, options, &pid); failure != 0)
    throw system_error("cannot start '" + argv[0] + "'", failure);
  return {pid, output};
}

std::optional<sys::ProcessId> Lab::daemon(const std::string& node) const {
  const auto text = sys::read_file_if_exists(node_folder(node) / "run" / "daemon.json");
  if (!text) return std::nullopt;
  const auto object = parse_json(*text, "daemon.json").as_object();
  const auto pid = get_integer(object, "pid");
  const auto start = get_integer(object, "start_time");
  if (!pid || !start) return std::nullopt;
  const sys::ProcessId process{static_cast<pid_t>(*pid), static_cast<std::uint64_t>(*start)};
  return sys::is_alive(process) ? std::optional(process) : std::nullopt;
}

std::vector<pid_t> Lab::processes() const {
  return processes_of(home_.string());
}

std::vector<pid_t> Lab::processes_named(const std::string& name) const {
  auto found = processes();
  std::erase_if(found, [&](pid_t pid) { return process_name(pid) != name; });
  return found;
}

std::vector<std::string> Lab::machine_leftovers() const {
  std::vector<std::string> left = files_left(home_);
  for (const pid_t pid : processes())
    if (process_name(pid).starts_with("qemu")) left.push_back("process " + describe_process(pid));
  return left;
}

std::vector<std::string> Lab::leftovers() const {
  std::vector<std::string> left = files_left(home_);
  for (const pid_t pid : processes()) left.push_back("process " + describe_process(pid));
  for (const auto& name : network_interfaces())
    if (!interfaces_before_.contains(name) && is_ours(name)) left.push_back("network interface " + name);
  for (const auto& lock : held_locks(home_)) left.push_back("held lock " + lock);
  return left;
}

std::vector<std::string> Lab::where(const std::string& needle) const {
  auto found = files_with(folder_, needle);
  if (transcript_.find(needle) != std::string::npos) found.emplace_back("output of hlid");
  return found;
}

void Lab::kill_all() {
  end_processes_of(home_);
}

std::vector<json::value> json_lines(const std::string& text) {
  std::vector<json::value> values;
  for (const auto& line : split(text, '\n')) {
    if (!line.starts_with('{')) continue;
    try {
      values.push_back(parse_json(line));
    } catch (const Error&) {  // a line cut short by a kill
    }
  }
  return values;
}

}  // namespace hlid::test
