#include "pve/vms.h"

#include "base/text.h"
#include "pve/read.h"
#include "wire/api_error.h"
#include "wire/size.h"

namespace hlid::pve {
namespace {

std::string path_of_vm(const VmRef& vm, std::initializer_list<std::string_view> rest = {}) {
  return path_of({"nodes", vm.node, "qemu", to_string(vm.vmid)}) + path_of(rest);
}

VmStatus read_status(const json::value& data) {
  const auto& object = object_of(data, "a machine's status");
  VmStatus status;
  status.status = text_or(object, "status");
  status.qmp_status = text_or(object, "qmpstatus");
  status.lock = text_or(object, "lock");
  status.name = text_or(object, "name");
  status.accelerator = text_or(object, "accelerator");
  status.uptime = number_or(object, "uptime");
  return status;
}

void post_task(const Session& session, const std::string& path, const Form& form, const OnLog& on_log = {}) {
  run_task(
      session, [&] { return session.post(path, form); }, on_log);
}

}  // namespace

bool says_missing(const Error& error) {
  const auto* api = dynamic_cast<const wire::ApiError*>(&error);
  if (api == nullptr || api->status() != 500) return false;
  return contains(error.message(), "Configuration file") && contains(error.message(), "does not exist");
}

std::vector<VmRow> vms(const Session& session, const std::string& node) {
  const auto data = session.get(path_of({"nodes", node, "qemu"}));
  std::vector<VmRow> found;
  for (const auto& value : list_of(data, "the machines")) {
    const auto& row = object_of(value, "a machine");
    found.push_back({{static_cast<int>(number_or(row, "vmid"))},
                     text_or(row, "name"),
                     text_or(row, "status"),
                     text_or(row, "lock"),
                     flag_or(row, "template")});
  }
  return found;
}

std::optional<VmConfig> find_config(const Session& session, const VmRef& vm, bool running_only) {
  try {
    const auto data = session.get(path_of_vm(vm, {"config"}), running_only ? Form{{"current", "1"}} : Form{});
    return texts_of(object_of(data, "a machine's configuration"));
  } catch (const wire::ApiError& error) {
    if (says_missing(error)) return std::nullopt;
    throw;
  }
}

std::vector<PendingChange> pending_changes(const Session& session, const VmRef& vm) {
  const auto data = session.get(path_of_vm(vm, {"pending"}));
  std::vector<PendingChange> found;
  for (const auto& value : list_of(data, "the pending changes")) {
    const auto& row = object_of(value, "a pending change");
    const bool deletion = number_or(row, "delete") != 0;
    if (!deletion && !row.contains("pending")) continue;
    found.push_back({text_or(row, "key"), text_or(row, "value"), text_or(row, "pending"), deletion});
  }
  return found;
}

VmStatus vm_status(const Session& session, const VmRef& vm) {
  return read_status(session.get(path_of_vm(vm, {"status", "current"})));
}

std::optional<VmStatus> find_status(const Session& session, const VmRef& vm) {
  try {
    return vm_status(session, vm);
  } catch (const wire::ApiError& error) {
    if (says_missing(error)) return std::nullopt;
    throw;
  }
}

void create_vm(const Session& session, const VmRef& vm, const Form& form, const OnLog& on_log) {
  Form whole{{"vmid", to_string(vm.vmid)}};
  whole.insert(whole.end(), form.begin(), form.end());
  post_task(session, path_of({"nodes", vm.node, "qemu"}), whole, on_log);
}

void clone_vm(const Session& session, const VmRef& source, const CloneRequest& request, const OnLog& on_log) {
  Form form{{"newid", to_string(request.new_id)}, {"full", request.full ? "1" : "0"}};
  if (!request.name.empty()) form.emplace_back("name", request.name);
  if (!request.description.empty()) form.emplace_back("description", request.description);
  if (request.full && !request.storage.empty()) form.emplace_back("storage", request.storage);
  if (!request.target.empty() && request.target != source.node) form.emplace_back("target", request.target);
  post_task(session, path_of_vm(source, {"clone"}), form, on_log);
}

void set_config(const Session& session, const VmRef& vm, const Form& form) {
  session.put(path_of_vm(vm, {"config"}), form);
}

void set_config_slowly(const Session& session, const VmRef& vm, const Form& form, const OnLog& on_log) {
  post_task(session, path_of_vm(vm, {"config"}), form, on_log);
}

void resize_disk(const Session& session, const VmRef& vm, const std::string& disk, Bytes size) {
  const auto path = path_of_vm(vm, {"resize"});
  run_task(session, [&] { return session.put(path, {{"disk", disk}, {"size", wire::print_size(size)}}); });
}

void make_template(const Session& session, const VmRef& vm) {
  post_task(session, path_of_vm(vm, {"template"}), {});
}

void start_vm(const Session& session, const VmRef& vm, const OnLog& on_log) {
  post_task(session, path_of_vm(vm, {"status", "start"}), {}, on_log);
}

void resume_vm(const Session& session, const VmRef& vm) {
  post_task(session, path_of_vm(vm, {"status", "resume"}), {});
}

void unlock_vm(const Session& session, const VmRef& vm) {
  set_config(session, vm, {{"delete", "lock"}, {"skiplock", "1"}});
}

void stop_vm(const Session& session, const VmRef& vm) {
  post_task(session, path_of_vm(vm, {"status", "stop"}), {});
}

void shutdown_vm(const Session& session, const VmRef& vm, std::chrono::seconds timeout, bool force) {
  Form form{{"timeout", std::to_string(timeout.count())}};
  if (force) form.emplace_back("forceStop", "1");
  post_task(session, path_of_vm(vm, {"status", "shutdown"}), form);
}

void reboot_vm(const Session& session, const VmRef& vm, std::chrono::seconds timeout) {
  post_task(session, path_of_vm(vm, {"status", "reboot"}), {{"timeout", std::to_string(timeout.count())}});
}

void remove_vm(const Session& session, const VmRef& vm, const OnLog& on_log) {
  const Form query{{"purge", "1"}, {"destroy-unreferenced-disks", "1"}};
  run_task(
      session, [&] { return session.del(path_of_vm(vm), query); }, on_log);
}

std::string encode_ssh_keys(const std::vector<std::string>& keys) {
  std::string lines;
  for (const auto& key : keys) lines += std::string(trim(key)) + "\n";
  return percent_encode(lines);
}

std::vector<std::string> decode_ssh_keys(const std::string& text) {
  return split_list(percent_decode(text), "\n");
}

}  // namespace hlid::pve
