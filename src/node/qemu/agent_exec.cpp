#include "node/qemu/agent_exec.h"

#include "base/error.h"
#include "base/text.h"
#include "sys/clock.h"

namespace hlid::node::qemu {
namespace {

json::value checked(AgentClient& agent, std::string_view command, json::object arguments) {
  auto reply = agent.call(command, std::move(arguments));
  if (reply.error)
    throw Error(Errc::failed, "the guest agent refuses {}: {}", command, reply.error->description);
  return std::move(reply.value);
}

GuestExit exit_of(const json::object& status) {
  GuestExit out;
  out.status = static_cast<int>(get_integer(status, "exitcode").value_or(0));
  if (const auto signal = get_integer(status, "signal")) out.status = 128 + static_cast<int>(*signal);
  out.output = base64_decode(get_string(status, "out-data").value_or(""));
  out.error_output = base64_decode(get_string(status, "err-data").value_or(""));
  return out;
}

}  // namespace

std::int64_t begin_in_guest(AgentClient& agent, const GuestCommand& command) {
  json::object arguments{{"path", command.argv.at(0)}, {"capture-output", true}};
  json::array rest;
  for (std::size_t i = 1; i < command.argv.size(); ++i) rest.emplace_back(json::string(command.argv[i]));
  if (!rest.empty()) arguments["arg"] = std::move(rest);
  if (!command.input.empty()) arguments["input-data"] = base64_encode(command.input);
  const json::value started = checked(agent, "guest-exec", std::move(arguments));
  return get_integer(started.as_object(), "pid").value_or(0);
}

GuestExit end_in_guest(AgentClient& agent, sys::Clock& clock, std::int64_t pid, const GuestCommand& command,
                       std::stop_token stop) {
  const auto deadline = clock.now() + command.timeout;
  while (clock.now() < deadline) {
    if (!clock.sleep(command.poll, stop)) throw Error(Errc::interrupted, "received interrupt");
    const json::value status = checked(agent, "guest-exec-status", {{"pid", pid}});
    if (get_bool(status.as_object(), "exited").value_or(false)) return exit_of(status.as_object());
  }
  throw Error(Errc::timeout, "'{}' in the guest takes longer than {} s", command.argv.at(0),
              std::chrono::duration_cast<std::chrono::seconds>(command.timeout).count());
}

GuestExit run_in_guest(AgentClient& agent, sys::Clock& clock, const GuestCommand& command,
                       std::stop_token stop) {
  return end_in_guest(agent, clock, begin_in_guest(agent, command), command, std::move(stop));
}

void write_in_guest(AgentClient& agent, const std::string& path, std::string_view bytes) {
  const json::value handle = checked(agent, "guest-file-open", {{"path", path}, {"mode", "w"}});
  checked(agent, "guest-file-write", {{"handle", handle}, {"buf-b64", base64_encode(bytes)}});
  checked(agent, "guest-file-close", {{"handle", handle}});  // which flushes
}

}  // namespace hlid::node::qemu
