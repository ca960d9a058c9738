#include "pve/agent.h"

#include <algorithm>

#include "base/text.h"
#include "pve/read.h"
#include "wire/api_error.h"

namespace hlid::pve {
namespace {

std::string path_of_agent(const VmRef& vm, std::string_view verb) {
  return path_of({"nodes", vm.node, "qemu", to_string(vm.vmid), "agent", verb});
}

/// An agent's own error arrives as a result with HTTP 200.
const json::value& result_of(const json::value& data, std::string_view what) {
  const auto& object = object_of(data, what);
  const auto* result = object.if_contains("result");
  if (result == nullptr) throw Error(Errc::protocol, "the agent's answer for {} has no result", what);
  if (!result->is_object()) return *result;
  const auto* error = result->get_object().if_contains("error");
  if (error != nullptr && error->is_object())
    throw Error(Errc::failed, "the guest agent refused {}: {}", what, text_or(error->get_object(), "desc"));
  return *result;
}

std::vector<Cidr> ipv4_of(const json::object& row) {
  std::vector<Cidr> found;
  const auto* list = row.if_contains("ip-addresses");
  if (list == nullptr || !list->is_array()) return found;
  for (const auto& value : list->get_array()) {
    if (!value.is_object()) continue;
    const auto& entry = value.get_object();
    const auto address = parse_ipv4(text_or(entry, "ip-address"));
    if (address) found.push_back({*address, static_cast<int>(number_or(entry, "prefix", 32))});
  }
  return found;
}

std::optional<ExecResult> exec_status(const Session& session, const VmRef& vm, const std::string& pid) {
  const auto data =
      session.get_within(std::chrono::seconds(35), path_of_agent(vm, "exec-status"), {{"pid", pid}});
  const auto& status = object_of(data, "a program's status");
  if (!flag_or(status, "exited")) return std::nullopt;
  ExecResult result;
  const auto signal = get_integer(status, "signal");
  result.status = static_cast<int>(signal ? 128 + *signal : number_or(status, "exitcode"));
  result.output = bytes_of_latin1(text_or(status, "out-data"));
  result.error_output = bytes_of_latin1(text_or(status, "err-data"));
  return result;
}

}  // namespace

bool agent_ping(const Session& session, const VmRef& vm) {
  try {
    session.post_within(std::chrono::seconds(10), path_of_agent(vm, "ping"));
    return true;
  } catch (const wire::ApiError& error) {
    const bool silent = contains(error.message(), "agent is not running") ||
                        contains(error.message(), "got timeout") || error.status() >= 595;
    if (!silent) throw;
  } catch (const Error& error) {
    if (error.code() != Errc::timeout) throw;
  }
  return false;
}

std::vector<GuestInterface> guest_interfaces(const Session& session, const VmRef& vm) {
  const auto data = session.get(path_of_agent(vm, "network-get-interfaces"));
  std::vector<GuestInterface> found;
  for (const auto& value : list_of(result_of(data, "the guest's interfaces"), "the guest's interfaces")) {
    const auto& row = object_of(value, "a guest's interface");
    found.push_back({text_or(row, "name"), to_upper(text_or(row, "hardware-address")), ipv4_of(row)});
  }
  return found;
}

ExecResult guest_exec(const Session& session, const VmRef& vm, const ExecRequest& request) {
  Form form;
  for (const auto& argument : request.command) form.emplace_back("command", argument);
  if (!request.input.empty()) form.emplace_back("input-data", request.input);
  const auto data = session.post(path_of_agent(vm, "exec"), form);
  const auto pid = text_or(object_of(data, "a program's start"), "pid");
  const auto deadline = session.clock().now() + request.timeout;
  std::chrono::milliseconds pause{20};
  while (true) {
    if (auto result = exec_status(session, vm, pid)) return *result;
    if (session.clock().now() >= deadline)
      throw Error(Errc::timeout, "'{}' in the guest took longer than {} s", request.command.front(),
                  request.timeout.count() / 1000);
    if (!session.clock().sleep(pause, session.stop())) throw Error(Errc::interrupted, "stopped");
    pause = std::min(pause * 3 / 2, std::chrono::milliseconds(1000));
  }
}

std::optional<std::string> guest_read_file(const Session& session, const VmRef& vm, const std::string& path) {
  try {
    const auto data = session.get(path_of_agent(vm, "file-read"), {{"file", path}});
    return bytes_of_latin1(text_or(object_of(data, "a guest's file"), "content"));
  } catch (const wire::ApiError& error) {
    if (contains(error.message(), "No such file or directory")) return std::nullopt;
    throw;
  }
}

void guest_write_file(const Session& session, const VmRef& vm, const std::string& path,
                      const std::string& content) {
  session.post(path_of_agent(vm, "file-write"),
               {{"file", path}, {"content", base64_encode(content)}, {"encode", "0"}});
}

}  // namespace hlid::pve
