#include "node/instant/records.h"

#include <array>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "node/instant/identity_file.h"
#include "sys/files.h"

namespace hlid::node::instant {
namespace {

namespace fs = std::filesystem;
constexpr std::array<std::string_view, 5> kStages = {"fresh", "resuming", "serving", "growing", "settled"};

constexpr std::array<std::string_view, 3> kSettings = {"off", "marked", "all"};
constexpr const char* kSettingFile = "setting";

std::optional<Stage> parse_stage(std::string_view text) {
  for (std::size_t i = 0; i < kStages.size(); ++i)
    if (kStages[i] == text) return static_cast<Stage>(i);
  return std::nullopt;
}

}  // namespace

std::optional<Setting> parse_setting(std::string_view text) {
  for (std::size_t i = 0; i < kSettings.size(); ++i)
    if (kSettings[i] == text) return static_cast<Setting>(i);
  return std::nullopt;
}

std::string_view to_string(Setting setting) {
  return kSettings[static_cast<std::size_t>(setting)];
}

bool is_wanted(Setting setting, std::string_view description) {
  constexpr std::string_view kMark = "hlid-instant:";
  std::string_view mark;
  for (const auto& line : split(description, '\n')) {
    const auto text = trim(line);
    if (text.starts_with(kMark)) mark = trim(text.substr(kMark.size())) == "on" ? "on" : "off";
  }
  if (setting == Setting::off || mark == "off") return false;
  return setting == Setting::all || mark == "on";
}

std::string_view to_string(Stage stage) {
  return kStages[static_cast<std::size_t>(stage)];
}

Records::Records(fs::path folder) : folder_(std::move(folder)) {
  sys::make_folder(folder_, 0700);
}

std::optional<Record> Records::find(Vmid vmid) const {
  const auto text = sys::read_file_if_exists(folder_ / hlid::to_string(vmid), 1U << 16);
  if (!text) return std::nullopt;
  try {
    const json::value parsed = parse_json(*text, "instant record");
    const auto& object = parsed.as_object();
    const auto stage = parse_stage(get_string(object, "stage").value_or(""));
    if (!stage) return std::nullopt;
    return Record{*stage, get_string(object, "volume").value_or(""), get_string(object, "base").value_or(""),
                  get_string(object, "base_format").value_or(""), get_bool(object, "full").value_or(true)};
  } catch (const std::exception& error) {
    log::warn("machine {}: its instant record cannot be read: {}", vmid.value, error.what());
    return std::nullopt;
  }
}

std::vector<Vmid> Records::all() const {
  std::vector<Vmid> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_, ignored))
    if (const auto vmid = parse_vmid(entry.path().filename().string())) out.push_back(*vmid);
  return out;
}

void Records::write(Vmid vmid, const Record& record) const {
  const json::object object{{"stage", to_string(record.stage)},
                            {"volume", record.volume},
                            {"base", record.base},
                            {"base_format", record.base_format},
                            {"full", record.full}};
  sys::write_durable(folder_ / hlid::to_string(vmid), to_pretty_text(object), 0600);
}

void Records::remove(Vmid vmid) const {
  sys::remove_durable(folder_ / hlid::to_string(vmid));
}

Setting Records::setting() const {
  const auto text = sys::read_file_if_exists(folder_ / kSettingFile, 64);
  return text ? parse_setting(trim(*text)).value_or(Setting::marked) : Setting::marked;
}

void Records::write_setting(Setting setting) const {
  sys::write_durable(folder_ / kSettingFile, std::string(to_string(setting)) + "\n");
}

std::vector<guest::HostKey> Records::host_keys(Vmid vmid) const {
  const auto text = sys::read_file_if_exists(folder_ / (hlid::to_string(vmid) + ".keys"), 1U << 18);
  return text ? parse_host_keys(*text) : std::vector<guest::HostKey>();
}

void Records::write_host_keys(Vmid vmid, const std::vector<guest::HostKey>& keys) const {
  sys::write_durable(folder_ / (hlid::to_string(vmid) + ".keys"), print_host_keys(keys), 0600);
}

void Records::forget(Vmid vmid) const {
  remove(vmid);
  sys::remove_durable(folder_ / (hlid::to_string(vmid) + ".keys"));
}

}  // namespace hlid::node::instant
