#include "node/network/realm.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "node/forward/control.h"
#include "node/network/anchor.h"
#include "node/network/traffic.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "sys/namespaces.h"
#include "sys/programs.h"

namespace hlid::node::network {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);
constexpr auto kForwarderPatience = std::chrono::seconds(10);

std::string required(std::string_view program) {
  if (auto path = sys::find_program(program)) return *path;
  throw Error(Errc::precondition, "'{}' is not installed", program)
      .with_hint("install the package that has it (iproute2, nftables)");
}

bool is_up(const RealmState& state) {
  return sys::is_alive(state.holder) && sys::is_alive(state.anchor);
}

/// The holder prints what is wrong and then, where it knows, "fix: …".
Error holder_error(const sys::ProcessResult& result) {
  const auto lines = split(result.error_output, '\n');
  Error error(Errc::precondition, "the node's network cannot be brought up: {}",
              result.ending == sys::Ending::exited && !lines.empty() ? lines.front() : result.describe());
  for (const auto& line : lines)
    if (line.starts_with("fix: ")) error.with_hint(line.substr(5));
  return error;
}

void write_if_changed(const std::filesystem::path& path, const std::string& content, bool& changed) {
  if (sys::read_file_if_exists(path) == content) return;
  sys::write_durable(path, content, 0600);
  changed = true;
}

/// proc(5), /proc/PID/stat, field 4; 0 when it is gone.
pid_t parent_of(pid_t pid) {
  const auto stat = sys::read_file_if_exists(fmt::format("/proc/{}/stat", pid)).value_or("");
  const auto fields =
      split_list(std::string_view(stat).substr(std::min(stat.size(), stat.rfind(')') + 1)), " ");
  return fields.size() > 1 ? std::atoi(fields[1].c_str()) : 0;
}

/// Processes in the realm besides the holder's.
std::vector<pid_t> inhabitants(const RealmState& state) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    pid_t pid = 0;
    const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (failure != std::errc{} || end != name.data() + name.size()) continue;
    if (sys::network_namespace_of(pid) == state.namespace_id && parent_of(pid) != state.holder.pid)
      found.push_back(pid);
  }
  return found;
}

}  // namespace

Realm::Realm(std::filesystem::path node_folder, std::string program, sys::ProcessRunner& runner)
    : files_(realm_files(std::filesystem::absolute(node_folder))),
      program_(std::move(program)),
      runner_(runner) {}

std::optional<RealmState> Realm::state() const {
  return read_realm_state(files_);
}

RealmState Realm::start() {
  const auto result =
      runner_.run({.argv = {program_, "realm-hold", files_.folder.string()}, .timeout = kPatience});
  if (!result.ok()) throw holder_error(result);
  auto now = state();
  if (!now || !is_up(*now))
    throw Error(Errc::failed, "the node's network ended at once").with_hint("see " + files_.log().string());
  log::debug("realm {} is held by process {}", now->id, now->holder.pid);
  return *now;
}

bool Realm::ensure() {
  const std::scoped_lock lock(ensure_);
  const auto before = state();
  if (before && is_up(*before)) return true;
  const auto now = start();
  if (config_) make_so(now, *config_);
  return before && before->id == now.id;
}

RealmState Realm::up() {
  ensure();
  auto now = state();
  if (!now) throw Error(Errc::failed, "the node's network is gone");
  return *now;
}

std::vector<std::string> Realm::prefix(const RealmState& state, bool keep_capabilities) const {
  std::vector<std::string> argv{program_, "enter",
                                fmt::format("{}:{}", state.anchor.pid, state.anchor.start_time)};
  if (keep_capabilities) argv.emplace_back("--keep-capabilities");
  argv.emplace_back("--");
  return argv;
}

std::vector<std::string> Realm::command_prefix() {
  return prefix(up(), false);
}

std::string Realm::run_inside(const RealmState& state, const std::vector<std::string>& argv,
                              const std::string& input) {
  sys::Command command{.argv = prefix(state, true), .input = input, .timeout = kPatience};
  command.argv.insert(command.argv.end(), argv.begin(), argv.end());
  const auto result = runner_.run(command);
  if (!result.ok())
    throw Error(Errc::failed, "'{}' in the node's network failed: {}", join(argv, " "), result.describe());
  return result.output;
}

void Realm::run_ip(const RealmState& state, const std::string& batch) {
  if (!batch.empty()) run_inside(state, {required("ip"), "-batch", "-"}, batch);
}

std::vector<Link> Realm::links_of(const RealmState& state) {
  return parse_links(run_inside(state, {required("ip"), "-json", "-details", "address", "show"}));
}

std::vector<Link> Realm::links() {
  const auto now = state();
  return now && is_up(*now) ? links_of(*now) : std::vector<Link>{};
}

void Realm::make_so(const RealmState& state, const NetworkConfig& config) {
  const auto mark = fmt::format("link set dev lo alias {}\n", realm_mark(state.id));
  run_ip(state, mark + bridge_batch(config, links_of(state)));
  run_inside(state, {required("nft"), "-f", "-"}, nat_rules());
  const std::scoped_lock lock(hosts_);
  bool changed = false;
  for (const auto& path : {files_.hosts(), files_.dhcp_hosts()})
    if (!std::filesystem::exists(path)) sys::write_durable(path, "", 0600);
  write_if_changed(files_.dnsmasq(), dnsmasq_config(config, files_.folder.string()), changed);
  if (changed) sys::send_signal(state.holder, SIGHUP);
}

void Realm::apply(const NetworkConfig& config) {
  validate(config);
  const auto now = up();
  const std::scoped_lock lock(ensure_);
  make_so(now, config);
  config_ = config;
}

void Realm::add_taps(const std::vector<Tap>& taps) {
  if (taps.empty()) return;
  const auto now = up();
  run_ip(now, tap_batch(taps, links_of(now)));
}

void Realm::remove_taps(Vmid vmid) {
  const auto now = state();
  if (now && is_up(*now)) run_ip(*now, remove_taps_of(vmid, links_of(*now)));
}

void Realm::sweep(const std::set<Vmid>& running) {
  const auto now = state();
  if (now && is_up(*now)) run_ip(*now, remove_taps_except(running, links_of(*now)));
}

void Realm::set_hosts(const std::vector<Host>& hosts) {
  const std::scoped_lock lock(hosts_);
  bool changed = false;
  sys::make_folder(files_.folder, 0700);
  write_if_changed(files_.hosts(), hosts_file(hosts), changed);
  write_if_changed(files_.dhcp_hosts(), dhcp_hosts_file(hosts), changed);
  const auto now = state();
  if (changed && now) sys::send_signal(now->holder, SIGHUP);
}

std::map<std::string, Traffic> Realm::traffic() {
  const auto now = state();
  if (!now || !sys::is_alive(now->anchor)) return {};
  return parse_traffic(
      sys::read_file_if_exists(fmt::format("/proc/{}/net/dev", now->anchor.pid)).value_or(""));
}

/// A forwarder that is not there yet is started by the holder, who needs a moment.
void Realm::publish(const std::vector<forward::Rule>& rules, bool strict) {
  const auto now = up();
  const auto files = files_.forward();
  const bool known = std::filesystem::exists(files.rules());
  if (!known && rules.empty()) return;
  const json::object question{{"do", "set"}, {"rules", forward::to_json(rules)}, {"strict", strict}};
  sys::SystemClock clock;
  const auto until = clock.now() + kForwarderPatience;
  bool asked_for = false;
  for (;;) {
    try {
      forward::ask(files.socket(), question, kPatience);
      return;
    } catch (const Error& error) {
      if (error.code() != Errc::not_found || !error.hint().empty())
        throw;  // that of a missing address has one
      if (clock.now() > until)
        throw Error(Errc::failed, "ports cannot be published: the forwarder does not start")
            .with_hint("see " + files_.log().string());
    }
    if (!asked_for) {
      if (!known) sys::write_durable(files.rules(), "[]\n", 0600);
      sys::send_signal(now.holder, SIGHUP);
      asked_for = true;
    }
    clock.sleep(std::chrono::milliseconds(20));
  }
}

std::vector<forward::PortStatus> Realm::published() {
  try {
    const auto answer = forward::ask(files_.forward().socket(), {{"do", "status"}}, std::chrono::seconds(2));
    return forward::status_from_json(answer.at("ports"));
  } catch (const Error& error) {
    log::debug("no status of published ports: {}", error.what());
    return {};
  }
}

void Realm::destroy() {
  const std::scoped_lock lock(ensure_, hosts_);
  const auto now = state();
  if (now && sys::is_alive(now->anchor)) {
    const auto others = inhabitants(*now);
    if (!others.empty())
      throw Error(Errc::precondition, "the node's network is in use by {} processes, the first is {}",
                  others.size(), others.front());
  }
  if (now) {
    sys::send_signal(now->holder, SIGTERM);
    sys::wait_gone(now->holder, kPatience);
    for (const auto& left : {std::optional(now->anchor), now->uplink, now->dns, now->forwarder})
      if (left && sys::is_alive(*left)) sys::send_signal(*left, SIGKILL);  // only when the holder could not
  }
  std::filesystem::remove_all(files_.folder);
}

}  // namespace hlid::node::network
