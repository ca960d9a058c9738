#include "node/qemu/plug.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "wire/vm_keys.h"

namespace hlid::node::qemu {
namespace {

using Option = std::pair<std::string, std::string>;

/// Options with their values, in order; a flag has an empty one.
std::vector<Option> options_of(const std::vector<std::string>& argv) {
  std::vector<Option> options;
  for (const auto& word : argv) {
    if (!word.empty() && word[0] == '-') {
      options.emplace_back(word, "");
    } else if (!options.empty()) {
      options.back().second += word;
    }
  }
  return options;
}

/// A drive as a block node of its own; nullopt for what only `-drive` can say (throttling, write-through).
std::optional<json::object> block_node(const Drive& drive, const HostFacts& facts, const Places& places) {
  const auto file = places.volumes.find(drive.volume);
  if (file == places.volumes.end()) return std::nullopt;
  const bool throttled = contains(drive_argument(drive, facts, places), ",throttling.");
  std::string cache = drive.options.get_or("cache", drive.is_cdrom() ? "writeback" : "none");
  if (!file->second.direct_io && cache == "none") cache = "writeback";
  if (throttled || (cache != "none" && cache != "writeback" && cache != "unsafe")) return std::nullopt;
  const std::string aio = drive.options.get_or("aio", facts.io_uring ? "io_uring" : "threads");
  const bool discard = drive.options.get_or("discard", "") == "on";
  const json::object caching{{"direct", cache == "none"}, {"no-flush", cache == "unsafe"}};
  json::object node{{"driver", file->second.format},
                    {"node-name", "drive-" + drive.key},
                    {"read-only", drive.is_cdrom() || drive.options.get_bool("ro", false)},
                    {"discard", discard ? "unmap" : "ignore"},
                    {"cache", caching},
                    {"file", json::object{{"driver", "file"},
                                          {"filename", file->second.path},
                                          {"aio", aio == "io_uring" && !facts.io_uring ? "threads" : aio},
                                          {"discard", discard ? "unmap" : "ignore"},
                                          {"cache", caching}}}};
  if (!drive.is_cdrom() && drive.options.get_bool("detect_zeroes", true)) {
    node["detect-zeroes"] = discard ? "unmap" : "on";
  }
  return node;
}

/// The drive that a `-drive …,id=drive-KEY,…` is about.
std::optional<Drive> drive_named(const config::Section& values, const std::string& argument) {
  for (auto& drive : drives_of(values)) {
    if (contains(argument + ",", ",id=drive-" + drive.key + ",")) return drive;
  }
  return std::nullopt;
}

json::value typed(std::string_view text) {
  if (text == "on" || text == "off") return text == "on";
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  return json::value(json::string(text));
}

}  // namespace

json::object typed_arguments(std::string_view text, std::string_view first) {
  json::object out;
  for (const auto& piece : split(text, ',')) {
    const auto equals = piece.find('=');
    if (equals == std::string::npos) {
      out[first] = piece;
    } else {
      // A serial number may look like a number and is none.
      const std::string key = piece.substr(0, equals);
      const std::string value = piece.substr(equals + 1);
      out[key] = key == "serial" || key == "id" || key == "hostname" ? json::value(json::string(value))
                                                                     : typed(value);
    }
  }
  return out;
}

std::optional<std::vector<QmpCommand>> plug_commands(Vmid vmid, const config::Section& before,
                                                     const config::Section& after, const HostFacts& facts,
                                                     const Places& places) {
  const auto old_options = options_of(build_command(vmid, before, facts, places));
  const auto new_options = options_of(build_command(vmid, after, facts, places));
  const std::set<Option> kept(new_options.begin(), new_options.end());
  if (std::any_of(old_options.begin(), old_options.end(),
                  [&kept](const Option& o) { return kept.count(o) == 0; })) {
    return std::nullopt;  // something would change or go
  }
  const std::set<Option> known(old_options.begin(), old_options.end());
  std::vector<QmpCommand> commands;
  for (const auto& [option, value] : new_options) {
    if (known.count({option, value}) != 0) continue;
    if (option == "-object") {
      commands.push_back({"object-add", typed_arguments(value, "qom-type")});
    } else if (option == "-netdev") {
      commands.push_back({"netdev_add", typed_arguments(value, "type")});
    } else if (option == "-device") {
      commands.push_back({"device_add", typed_arguments(value, "driver")});
    } else if (const auto drive = option == "-drive" ? drive_named(after, value) : std::nullopt) {
      auto node = block_node(*drive, facts, places);
      if (!node) return std::nullopt;
      commands.push_back({"blockdev-add", std::move(*node)});
    } else {
      return std::nullopt;
    }
  }
  return commands;
}

std::vector<QmpCommand> cleanup_commands(std::string_view key) {
  if (wire::is_net_key(key)) return {{"netdev_del", {{"id", key}}}};
  const auto parts = wire::split_key(key);
  if (!parts) return {};
  const std::string thread = parts->kind == "scsi" ? fmt::format("iothread-virtioscsi{}", parts->index)
                                                   : fmt::format("iothread-{}", key);
  return {{"blockdev-del", {{"node-name", fmt::format("drive-{}", key)}}}, {"object-del", {{"id", thread}}}};
}

}  // namespace hlid::node::qemu
