// The guest agent. All of it waits for a guest, so it has workers of its own.
#include <boost/json.hpp>

#include "base/text.h"
#include "node/service/callers.h"
#include "node/service/verbs.h"
#include "node/vm/machines.h"

namespace hlid::node::service {
namespace {

Answer command(Parts& parts, Call& call) {
  return parts.machines.agent(vmid_of(call.params), call.params.get_or("command", ""));
}

Answer commands(Parts&, Call&) {
  json::array list;
  for (const std::string& name : split_list(
           "exec exec-status file-read file-write fsfreeze-freeze fsfreeze-status fsfreeze-thaw fstrim "
           "get-fsinfo "
           "get-host-name get-memory-block-info get-memory-blocks get-osinfo get-time get-timezone get-users "
           "get-vcpus info network-get-interfaces ping set-user-password shutdown suspend-disk "
           "suspend-hybrid "
           "suspend-ram",
           " ")) {
    list.push_back(json::object{{"name", name}});
  }
  return list;
}

/// A command without parameters: its name is the last segment of the path.
Verb simple(std::string_view method, std::string_view path) {
  const std::string name(path.substr(path.rfind('/') + 1));
  return {method, path, Pace::agent, all_of("/vms/{vmid}", {"VM.Monitor"}),
          [name](Parts& parts, Call& call) { return parts.machines.agent(vmid_of(call.params), name); }};
}

Answer exec(Parts& parts, Call& call) {
  return parts.machines.agent_exec(vmid_of(call.params), call.params.find("command")->items,
                                   call.params.get_or("input-data", ""));
}

Answer exec_status(Parts& parts, Call& call) {
  return parts.machines.agent_exec_status(vmid_of(call.params), call.params.integer("pid").value_or(0));
}

Answer file_write(Parts& parts, Call& call) {
  parts.machines.agent_file_write(vmid_of(call.params), call.params.get_or("file", ""),
                                  call.params.get_or("content", ""), !call.params.flag("encode", true));
  return nullptr;
}

Answer file_read(Parts& parts, Call& call) {
  return parts.machines.agent_file_read(vmid_of(call.params), call.params.get_or("file", ""));
}

Answer set_password(Parts& parts, Call& call) {
  return parts.machines.agent_set_password(vmid_of(call.params), call.params.get_or("username", ""),
                                           call.params.get_or("password", ""), call.params.flag("crypted"));
}

}  // namespace

std::vector<Verb> agent_verbs() {
  const auto rule = [] { return all_of("/vms/{vmid}", {"VM.Monitor"}); };
  return {
      {"GET", "/nodes/{node}/qemu/{vmid}/agent", Pace::quick, for_users(), commands},
      {"POST", "/nodes/{node}/qemu/{vmid}/agent", Pace::agent, rule(), command},
      simple("POST", "/nodes/{node}/qemu/{vmid}/agent/ping"),
      simple("POST", "/nodes/{node}/qemu/{vmid}/agent/fsfreeze-freeze"),
      simple("POST", "/nodes/{node}/qemu/{vmid}/agent/fsfreeze-status"),
      simple("POST", "/nodes/{node}/qemu/{vmid}/agent/fsfreeze-thaw"),
      simple("POST", "/nodes/{node}/qemu/{vmid}/agent/fstrim"),
      simple("POST", "/nodes/{node}/qemu/{vmid}/agent/shutdown"),
      simple("POST", "/nodes/{node}/qemu/{vmid}/agent/suspend-disk"),
      simple("POST", "/nodes/{node}/qemu/{vmid}/agent/suspend-hybrid"),
      simple("POST", "/nodes/{node}/qemu/{vmid}/agent/suspend-ram"),
      simple("GET", "/nodes/{node}/qemu/{vmid}/agent/get-fsinfo"),
      simple("GET", "/nodes/{node}/qemu/{vmid}/agent/get-host-name"),
      simple("GET", "/nodes/{node}/qemu/{vmid}/agent/get-memory-block-info"),
      simple("GET", "/nodes/{node}/qemu/{vmid}/agent/get-memory-blocks"),
      simple("GET", "/nodes/{node}/qemu/{vmid}/agent/get-osinfo"),
      simple("GET", "/nodes/{node}/qemu/{vmid}/agent/get-time"),
      simple("GET", "/nodes/{node}/qemu/{vmid}/agent/get-timezone"),
      simple("GET", "/nodes/{node}/qemu/{vmid}/agent/get-users"),
      simple("GET", "/nodes/{node}/qemu/{vmid}/agent/get-vcpus"),
      simple("GET", "/nodes/{node}/qemu/{vmid}/agent/info"),
      simple("GET", "/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces"),
      {"POST", "/nodes/{node}/qemu/{vmid}/agent/exec", Pace::agent, rule(), exec},
      {"GET", "/nodes/{node}/qemu/{vmid}/agent/exec-status", Pace::agent, rule(), exec_status},
      {"POST", "/nodes/{node}/qemu/{vmid}/agent/file-write", Pace::agent, rule(), file_write},
      {"GET", "/nodes/{node}/qemu/{vmid}/agent/file-read", Pace::agent, rule(), file_read},
      {"POST", "/nodes/{node}/qemu/{vmid}/agent/set-user-password", Pace::agent, rule(), set_password},
  };
}

}  // namespace hlid::node::service
