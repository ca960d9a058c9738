// The guest agent's verbs: POST and GET qemu/ID/agent/….
#include <algorithm>
#include <array>

#include "base/text.h"
#include "node/vm/core.h"
#include "wire/api_error.h"
#include "wire/property_string.h"

namespace hlid::node::vm {
namespace {

struct Simple {
  std::string_view name;
  std::string_view command;
};
constexpr std::array kSimple = {
    Simple{"ping", "guest-ping"},
    Simple{"info", "guest-info"},
    Simple{"fsfreeze-status", "guest-fsfreeze-status"},
    Simple{"fsfreeze-freeze", "guest-fsfreeze-freeze"},
    Simple{"fsfreeze-thaw", "guest-fsfreeze-thaw"},
    Simple{"fstrim", "guest-fstrim"},
    Simple{"network-get-interfaces", "guest-network-get-interfaces"},
    Simple{"get-vcpus", "guest-get-vcpus"},
    Simple{"get-fsinfo", "guest-get-fsinfo"},
    Simple{"get-memory-blocks", "guest-get-memory-blocks"},
    Simple{"get-memory-block-info", "guest-get-memory-block-info"},
    Simple{"get-time", "guest-get-time"},
    Simple{"get-timezone", "guest-get-timezone"},
    Simple{"get-host-name", "guest-get-host-name"},
    Simple{"get-osinfo", "guest-get-osinfo"},
    Simple{"get-users", "guest-get-users"},
    Simple{"shutdown", "guest-shutdown"},
    Simple{"suspend-disk", "guest-suspend-disk"},
    Simple{"suspend-ram", "guest-suspend-ram"},
    Simple{"suspend-hybrid", "guest-suspend-hybrid"},
};

constexpr std::int64_t kReadLimit = 16 << 20;

/// Bytes as the characters U+0000 to U+00FF, which is how Proxmox returns what a guest wrote.
json::value latin1(std::string_view bytes) {
  json::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out.push_back(c);
    } else {
      out.push_back(static_cast<char>(0xc0U | (byte >> 6U)));
      out.push_back(static_cast<char>(0x80U | (byte & 0x3fU)));
    }
  }
  return out;
}

/// The inverse, for text that the API was given: characters up to U+00FF are bytes.
std::string bytes_of(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80 || i + 1 == text.size()) {
      out += text[i];
    } else if (byte <= 0xc3) {
      out += static_cast<char>(((byte & 3U) << 6U) | (static_cast<unsigned char>(text[++i]) & 0x3fU));
    } else {
      throw wire::failure("Wide character in subroutine entry");
    }
  }
  return out;
}

/// The machine, if its agent is configured and it runs; throws ApiError with Proxmox's texts otherwise.
RunningVmPtr agent_machine(const Core& core, Vmid vmid) {
  const auto stored = core.configs().require(vmid);
  const auto agent = wire::PropertyString::parse(stored->config.get("agent"), "enabled");
  if (!agent.get_bool("enabled", false)) throw wire::failure("No QEMU guest agent configured");
  if (auto vm = core.runtime.find(vmid)) {
    if (vm->hidden) throw wire::failure("QEMU guest agent is not running");  // what answers is not yet itself
    return vm;
  }
  throw wire::failure(fmt::format("VM {} is not running", vmid.value));
}

/// One command. An agent that does not even synchronise is not running.
qemu::AgentReply call(const Core& core, Vmid vmid, std::string_view command, json::object arguments = {}) {
  const auto vm = agent_machine(core, vmid);
  try {
    return vm->agent.call(command, std::move(arguments));
  } catch (const Error& error) {
    if (error.code() == Errc::timeout && !vm->agent.ping())
      throw wire::failure("QEMU guest agent is not running");
    throw wire::failure(error.code() == Errc::not_found ? "QEMU guest agent is not running"
                                                        : error.message());
  }
}

/// The reply's value; a refusal is ApiError 500 "Agent error: …".
json::value checked(const Core& core, Vmid vmid, std::string_view command, json::object arguments = {}) {
  auto reply = call(core, vmid, command, std::move(arguments));
  if (reply.error) throw wire::failure("Agent error: " + reply.error->description);
  return std::move(reply.value);
}

std::int64_t open_file(const Core& core, Vmid vmid, const std::string& file, const char* mode) {
  return checked(core, vmid, "guest-file-open", {{"path", file}, {"mode", mode}}).to_number<std::int64_t>();
}

void decode_stream(const json::object& from, const char* name, json::object& to) {
  const auto data = get_string(from, std::string(name) + "-data");
  if (!data) return;
  to[std::string(name) + "-data"] = latin1(base64_decode(*data));
  to[std::string(name) + "-truncated"] =
      get_bool(from, std::string(name) + "-truncated").value_or(false) ? 1 : 0;
}

}  // namespace

json::object Machines::agent(Vmid vmid, std::string_view command) const {
  const auto at =
      std::find_if(kSimple.begin(), kSimple.end(), [command](const auto& s) { return s.name == command; });
  if (at == kSimple.end())
    throw wire::parameter_error("command", fmt::format("unknown agent command '{}'", command));
  auto reply = call(*core_, vmid, at->command);
  if (reply.error) {
    return {
        {"result", {{"error", {{"class", reply.error->error_class}, {"desc", reply.error->description}}}}}};
  }
  if (!qemu::agent_answers(at->command)) return {{"result", nullptr}};
  return {{"result", std::move(reply.value)}};
}

json::object Machines::agent_exec(Vmid vmid, const std::vector<std::string>& argv,
                                  const std::string& input) const {
  if (argv.empty()) throw wire::parameter_error("command", "property is missing and it is not optional");
  json::object arguments{{"path", argv[0]}, {"capture-output", true}};
  json::array rest;
  for (std::size_t i = 1; i < argv.size(); ++i) rest.emplace_back(json::string(argv[i]));
  if (!rest.empty()) arguments["arg"] = std::move(rest);
  if (!input.empty()) arguments["input-data"] = base64_encode(input);
  const json::value reply = checked(*core_, vmid, "guest-exec", std::move(arguments));
  return {{"pid", reply.at("pid")}};
}

json::object Machines::agent_exec_status(Vmid vmid, long long pid) const {
  const json::value reply = checked(*core_, vmid, "guest-exec-status", {{"pid", pid}});
  const json::object& status = reply.as_object();
  json::object out{{"exited", get_bool(status, "exited").value_or(false) ? 1 : 0}};
  for (const char* key : {"exitcode", "signal"}) {
    if (const auto value = get_integer(status, key)) out[key] = *value;
  }
  decode_stream(status, "out", out);
  decode_stream(status, "err", out);
  return out;
}

void Machines::agent_file_write(Vmid vmid, const std::string& file, const std::string& content,
                                bool encoded) const {
  const std::string base64 = encoded ? content : base64_encode(bytes_of(content));
  const auto handle = open_file(*core_, vmid, file, "wb");
  const json::value written =
      checked(*core_, vmid, "guest-file-write", {{"handle", handle}, {"buf-b64", base64}});
  checked(*core_, vmid, "guest-file-close", {{"handle", handle}});
  const auto count = get_integer(written.as_object(), "count").value_or(0);
  const auto wanted = static_cast<long long>(base64_decode(base64).size());
  if (count != wanted)
    throw wire::failure(fmt::format("only {} of {} bytes were written to '{}'", count, wanted, file));
}

json::object Machines::agent_file_read(Vmid vmid, const std::string& file) const {
  const auto handle = open_file(*core_, vmid, file, "r");
  std::string bytes;
  bool at_end = false;
  while (!at_end && static_cast<std::int64_t>(bytes.size()) < kReadLimit) {
    const std::int64_t count =
        std::min<std::int64_t>(1 << 20, kReadLimit - static_cast<std::int64_t>(bytes.size()));
    const json::value part = checked(*core_, vmid, "guest-file-read", {{"handle", handle}, {"count", count}});
    bytes += base64_decode(get_string(part.as_object(), "buf-b64").value_or(""));
    at_end = get_bool(part.as_object(), "eof").value_or(true);
  }
  checked(*core_, vmid, "guest-file-close", {{"handle", handle}});
  json::object out{{"bytes-read", bytes.size()}, {"content", latin1(bytes)}};
  if (!at_end) out["truncated"] = 1;
  return out;
}

json::object Machines::agent_set_password(Vmid vmid, const std::string& user, const std::string& password,
                                          bool crypted) const {
  auto reply = call(*core_, vmid, "guest-set-user-password",
                    {{"username", user}, {"password", base64_encode(password)}, {"crypted", crypted}});
  if (reply.error) throw wire::failure("Agent error: " + reply.error->description);
  return {{"result", std::move(reply.value)}};
}

}  // namespace hlid::node::vm
