#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hlid::test {

/// One recorded exchange with the real server, as its file holds it.
struct Recording {
  struct Task {
    std::string upid;
    std::string exit_status;
    std::vector<std::string> log;
  };
  int number = 0;
  std::string name;  ///< "124-qemu-create-full"
  std::string method;
  std::string path;
  std::vector<std::pair<std::string, std::string>> request_headers;
  std::string request_body;
  int status = 0;
  std::string reason;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::optional<Task> task;
  bool background = false;  ///< sent, but not compared: others need what it does
};

/// All of a folder ("NNN-name.json"), by name. Throws when there are none.
std::vector<Recording> load_recordings(const std::filesystem::path& folder);
Recording load_recording(const std::filesystem::path& file);

/// HLID_CONTRACT_DIR, or the recordings of this source tree.
std::filesystem::path recordings_folder();
std::filesystem::path own_recordings_folder();
/// Those of recordings_folder(); when that is not our own folder, with ours in the background where it has
/// none of that name: the recordings tell one story, and a part of it alone would lack its beginning.
std::vector<Recording> recordings_to_play();

}  // namespace hlid::test
