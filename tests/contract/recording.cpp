#include "contract/recording.h"

#include <boost/json.hpp>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/json.h"
#include "sys/files.h"

namespace hlid::test {
namespace {

std::string text_of(const json::object& object, std::string_view key) {
  return get_string(object, key).value_or("");
}

std::optional<Recording::Task> task_of(const json::object& root) {
  const auto* value = root.if_contains("task");
  if (value == nullptr || !value->is_object()) return std::nullopt;
  const json::object& object = value->as_object();
  Recording::Task task{text_of(object, "upid"), text_of(object, "exitstatus"), {}};
  if (const auto* log = object.if_contains("log"); log != nullptr && log->is_array()) {
    for (const json::value& line : log->as_array()) task.log.emplace_back(line.as_string());
  }
  return task;
}

}  // namespace

Recording load_recording(const std::filesystem::path& file) {
  const json::value root = parse_json(sys::read_file(file), file.string());
  const json::object& request = root.as_object().at("request").as_object();
  const json::object& response = root.as_object().at("response").as_object();
  Recording recording;
  recording.name = file.stem().string();
  recording.number = std::atoi(recording.name.c_str());
  recording.method = text_of(request, "method");
  recording.path = text_of(request, "path");
  recording.request_body = text_of(request, "body");
  for (const auto& header : request.at("headers").as_object()) {
    recording.request_headers.emplace_back(header.key(), std::string(header.value().as_string()));
  }
  recording.status = static_cast<int>(get_integer(response, "status").value_or(0));
  recording.reason = text_of(response, "reason");
  recording.body = text_of(response, "body");
  for (const json::value& header : response.at("headers").as_array()) {
    recording.headers.emplace_back(std::string(header.as_array().at(0).as_string()),
                                   std::string(header.as_array().at(1).as_string()));
  }
  recording.task = task_of(root.as_object());
  return recording;
}

std::vector<Recording> load_recordings(const std::filesystem::path& folder) {
  std::vector<Recording> recordings;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") recordings.push_back(load_recording(entry.path()));
  }
  if (recordings.empty()) throw Error(Errc::not_found, "no recordings in '{}'", folder.string());
  std::ranges::sort(recordings, {}, &Recording::name);
  return recordings;
}

std::filesystem::path recordings_folder() {
  const char* given = std::getenv("HLID_CONTRACT_DIR");  // NOLINT(concurrency-mt-unsafe)
  if (given != nullptr && *given != '\0') return given;
  return own_recordings_folder();
}

std::filesystem::path own_recordings_folder() {
  return std::filesystem::path(HLID_SOURCE_DIR) / "tests/contract/recordings";
}

std::vector<Recording> recordings_to_play() {
  std::vector<Recording> recordings = load_recordings(recordings_folder());
  if (recordings_folder() == own_recordings_folder()) return recordings;
  const std::size_t given = recordings.size();
  for (Recording& own : load_recordings(own_recordings_folder())) {
    const auto same = [&](const Recording& other) { return other.name == own.name; };
    if (std::any_of(recordings.begin(), recordings.begin() + static_cast<std::ptrdiff_t>(given), same))
      continue;
    own.background = true;
    recordings.push_back(std::move(own));
  }
  std::ranges::sort(recordings, {}, &Recording::name);
  return recordings;
}

}  // namespace hlid::test
