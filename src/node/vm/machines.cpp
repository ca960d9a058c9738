#include "node/vm/machines.h"

#include "base/log.h"
#include "node/vm/core.h"
#include "node/vm/repair.h"
#include "sys/files.h"
#include "wire/api_error.h"

namespace hlid::node::vm {

Machines::Machines(Parts parts) : core_(std::make_unique<Core>(std::move(parts))) {}
Machines::~Machines() = default;

void Machines::adopt() {
  core_->runtime.adopt();
  repair_all(*core_);
  core_->publish_hosts();
  core_->begin_upkeep();
}

std::string Machines::instant_setting() const {
  return std::string(to_string(core_->records.setting()));
}

void Machines::set_instant_setting(const std::string& setting) {
  const auto parsed = instant::parse_setting(setting);
  if (!parsed)
    throw wire::parameter_error("instant", fmt::format("value '{}' does not have a value in the enumeration "
                                                       "'off, marked, all'",
                                                       setting));
  core_->records.write_setting(*parsed);
}

std::vector<Vmid> Machines::running() const {
  std::vector<Vmid> out;
  for (const auto& vm : core_->runtime.all()) out.push_back(vm->vmid);
  return out;
}

bool Machines::exists(Vmid vmid) const {
  return core_->configs().find(vmid) != nullptr;
}

std::vector<Vmid> Machines::vmids() const {
  std::vector<Vmid> out;
  for (const auto& vm : core_->configs().all()) out.push_back(vm->vmid);
  return out;
}

Vmid Machines::next_id() const {
  Vmid next{100};
  for (const auto& vm : core_->configs().all()) {
    if (vm->vmid == next) ++next.value;
  }
  return next;
}

std::uint64_t Machines::generation() const {
  std::uint64_t generation = core_->configs().generation() + core_->runtime.generation();
  // Times and loads of running machines change by themselves.
  if (!core_->runtime.all().empty())
    generation += static_cast<std::uint64_t>(core_->parts.clock.unix_seconds()) << 32U;
  return generation;
}

std::optional<std::string> Machines::config_value(Vmid vmid, std::string_view key) const {
  const auto vm = core_->configs().find(vmid);
  const auto* value = vm != nullptr ? vm->config.find(key) : nullptr;
  return value != nullptr ? std::optional(*value) : std::nullopt;
}

void Machines::sendkey(const Caller&, Vmid vmid, const Params& params) {
  const auto vm = core_->require_running(vmid);
  const std::string command = "sendkey " + text(params, "key");
  // QMP's own send-key wants each key's code; the human monitor takes names as people write them.
  const json::value answer = vm->qmp()->execute("human-monitor-command", {{"command-line", command}});
  const std::string said = answer.is_string() ? std::string(answer.get_string()) : "";
  if (!said.empty()) throw wire::failure(said);
}

std::string Machines::monitor(const Caller&, Vmid vmid, const std::string& command) {
  const auto vm = core_->require_running(vmid);
  const json::value answer = vm->qmp()->execute("human-monitor-command", {{"command-line", command}});
  return answer.is_string() ? std::string(answer.get_string()) : "";
}

std::filesystem::path Machines::console_socket(Vmid vmid, std::string_view device) const {
  const auto path = core_->runtime.file(vmid, device);
  const auto vm = core_->runtime.find(vmid);
  const bool reachable = vm != nullptr && !vm->hidden;
  return reachable && std::filesystem::exists(path) ? path : std::filesystem::path();
}

}  // namespace hlid::node::vm
