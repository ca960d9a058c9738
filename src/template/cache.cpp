#include "template/cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "sys/unique_fd.h"

namespace hlid::templates {
namespace {

namespace fs = std::filesystem;

constexpr int kMetaVersion = 1;
constexpr std::size_t kKeyLength = 64;
constexpr std::string_view kWorkPrefix = "work-";

json::object to_json(const CacheEntry& entry) {
  return {{"version", kMetaVersion},
          {"key", entry.key},
          {"disk", entry.disk.filename().string()},
          {"format", entry.format},
          {"os", entry.os},
          {"kernel", entry.kernel},
          {"sha256", entry.sha256},
          {"file_size", entry.file_size.count},
          {"virtual_size", entry.virtual_size.count},
          {"built_at", entry.built_at},
          {"packages", entry.package_count}};
}

CacheEntry from_json(const fs::path& folder, const json::object& object) {
  const auto text = [&](std::string_view key) { return get_string(object, key).value_or(""); };
  const auto number = [&](std::string_view key) { return get_integer(object, key).value_or(0); };
  return {.key = text("key"),
          .disk = folder / text("disk"),
          .format = text("format"),
          .os = text("os"),
          .kernel = text("kernel"),
          .sha256 = text("sha256"),
          .file_size = {number("file_size")},
          .virtual_size = {number("virtual_size")},
          .built_at = number("built_at"),
          .package_count = static_cast<int>(number("packages"))};
}

void sync(const fs::path& path) {
  const sys::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file || ::fsync(file.get()) != 0) throw system_error("cannot write '" + path.string() + "'");
}

}  // namespace

std::optional<CacheEntry> Cache::find(const std::string& key) const {
  const auto folder = entry_folder(key);
  const auto text = sys::read_file_if_exists(folder / "meta.json");
  if (!text) return std::nullopt;
  try {
    const auto parsed = parse_json(*text, "meta.json");
    if (!parsed.is_object() || get_integer(parsed.get_object(), "version") != kMetaVersion)
      return std::nullopt;
    auto entry = from_json(folder, parsed.get_object());
    std::error_code none;
    const auto size = fs::file_size(entry.disk, none);
    if (entry.key != key || none || static_cast<std::int64_t>(size) != entry.file_size.count)
      return std::nullopt;
    return entry;
  } catch (const Error&) {
    return std::nullopt;  // unreadable: as if it were not there; a build replaces it
  }
}

std::vector<CacheEntry> Cache::list() const {
  std::vector<CacheEntry> entries;
  if (!fs::is_directory(folder_)) return entries;
  for (const auto& found : fs::directory_iterator(folder_))
    if (const auto name = found.path().filename().string(); name.size() == kKeyLength)
      if (auto entry = find(name)) entries.push_back(std::move(*entry));
  std::ranges::sort(entries, [](const auto& a, const auto& b) {
    return a.built_at != b.built_at ? a.built_at > b.built_at : a.key < b.key;
  });
  return entries;
}

std::vector<CacheEntry> Cache::prune(const std::set<std::string>& keep) {
  std::vector<CacheEntry> removed;
  for (const auto& entry : list()) {
    if (keep.contains(entry.key)) continue;
    const auto lock = sys::FileLock::try_lock(lock_file(entry.key));
    if (!lock) continue;
    fs::remove(entry_folder(entry.key) / "meta.json");  // first: from now on it is no entry
    fs::remove_all(entry_folder(entry.key));
    removed.push_back(entry);
  }
  return removed;
}

std::vector<fs::path> Cache::leftovers() const {
  std::vector<fs::path> found;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder_, none))
    if (const auto name = entry.path().filename().string();
        name.starts_with(kWorkPrefix) && sys::FileLock::try_lock(lock_file(name.substr(kWorkPrefix.size()))))
      found.push_back(entry.path());
  return found;
}

fs::path Cache::work_folder(const std::string& key) const {
  return folder_ / (std::string(kWorkPrefix) + key);
}

sys::FileLock Cache::lock(const std::string& key, sys::Clock& clock, const std::function<void()>& waiting,
                          std::stop_token stop) const {
  sys::make_folder(folder_, 0700);
  bool told = false;
  for (;;) {
    if (auto held = sys::FileLock::try_lock(lock_file(key))) return std::move(*held);
    if (!told) waiting();
    told = true;
    if (!clock.sleep(std::chrono::milliseconds(200), stop)) throw Error(Errc::interrupted, "interrupted");
  }
}

CacheEntry Cache::publish(const fs::path& made, CacheEntry entry) {
  const auto target = entry_folder(entry.key);
  sync(entry.disk);
  sys::write_durable(made / "meta.json", to_pretty_text(to_json(entry)), 0644);
  std::error_code none;
  fs::remove_all(target, none);  // an entry that find() does not take for one
  fs::rename(made, target);
  sync(folder_);
  entry.disk = target / entry.disk.filename();
  return entry;
}

}  // namespace hlid::templates
