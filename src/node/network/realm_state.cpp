#include "node/network/realm_state.h"

#include "base/error.h"
#include "base/json.h"
#include "sys/files.h"

namespace hlid::node::network {
namespace {

constexpr int kVersion = 1;

json::object to_json(const sys::ProcessId& process) {
  return {{"pid", process.pid}, {"start_time", process.start_time}};
}

std::optional<sys::ProcessId> process_from(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains({key.data(), key.size()});
  if (value == nullptr || !value->is_object()) return std::nullopt;
  const auto pid = get_integer(value->get_object(), "pid");
  const auto start = get_integer(value->get_object(), "start_time");
  if (!pid || !start) return std::nullopt;
  return sys::ProcessId{static_cast<pid_t>(*pid), static_cast<std::uint64_t>(*start)};
}

std::optional<RealmState> state_from(const json::object& object) {
  if (get_integer(object, "version") != kVersion) return std::nullopt;
  const auto holder = process_from(object, "holder");
  const auto anchor = process_from(object, "anchor");
  if (!holder || !anchor) return std::nullopt;
  return RealmState{.id = get_string(object, "id").value_or(""),
                    .namespace_id = static_cast<std::uint64_t>(get_integer(object, "namespace").value_or(0)),
                    .user_namespace = get_bool(object, "user_namespace").value_or(false),
                    .holder = *holder,
                    .anchor = *anchor,
                    .uplink = process_from(object, "uplink"),
                    .dns = process_from(object, "dns"),
                    .forwarder = process_from(object, "forwarder"),
                    .problem = get_string(object, "problem").value_or("")};
}

}  // namespace

RealmFiles realm_files(const std::filesystem::path& node_folder) {
  return {node_folder / "run" / "realm"};
}

std::optional<RealmState> read_realm_state(const RealmFiles& files) {
  const auto text = sys::read_file_if_exists(files.state());
  if (!text) return std::nullopt;
  try {
    const auto value = parse_json(*text, files.state().string());
    if (value.is_object()) return state_from(value.get_object());
  } catch (const Error&) {
    // A torn or foreign file proves nothing; the realm is then looked for, or made anew.
  }
  return std::nullopt;
}

void write_realm_state(const RealmFiles& files, const RealmState& state) {
  json::object object{{"version", kVersion},
                      {"id", state.id},
                      {"namespace", state.namespace_id},
                      {"user_namespace", state.user_namespace},
                      {"holder", to_json(state.holder)},
                      {"anchor", to_json(state.anchor)}};
  if (state.uplink) object["uplink"] = to_json(*state.uplink);
  if (state.dns) object["dns"] = to_json(*state.dns);
  if (state.forwarder) object["forwarder"] = to_json(*state.forwarder);
  if (!state.problem.empty()) object["problem"] = state.problem;
  sys::write_durable(files.state(), to_pretty_text(object), 0600);
}

}  // namespace hlid::node::network
