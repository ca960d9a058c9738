#include "node/storage/storages.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/text.h"
#include "node/storage/dir_storage.h"
#include "sys/files.h"
#include "sys/hash.h"
#include "wire/api_error.h"

namespace hlid::node::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLocal = "local";
const std::set<std::string> kContentTypes = {"images", "rootdir",  "iso",    "vztmpl",
                                             "backup", "snippets", "import", "none"};

/// `[A-Za-z]`, then letters, digits, `-_.`, ending with a letter or digit (pve-storage, parse_storage_id).
bool is_storage_id(std::string_view id) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (id.size() < 2 || !is_letter(id.front()) || !(is_letter(id.back()) || is_digit(id.back()))) return false;
  return std::all_of(id.begin(), id.end(),
                     [&](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.'; });
}

std::string value_or(const config::SectionEntry& section, std::string_view key,
                     const std::string& otherwise) {
  const auto* value = section.find(key);
  return value != nullptr ? *value : otherwise;
}

bool is_set(const config::SectionEntry& section, std::string_view key) {
  const auto* value = section.find(key);
  return value != nullptr && (value->empty() || *value == "1");
}

/// Checks and normalises the values of a call.
void apply(config::SectionEntry& section, const Storages::Values& values) {
  for (const auto& [key, value] : values) {
    if (key == "content") {
      for (const auto& kind : split_list(value, ",; "))
        if (kContentTypes.count(kind) == 0)
          throw wire::parameter_error("content",
                                      fmt::format("invalid format - invalid content type '{}'\n", kind));
      section.set(key, join(split_list(value, ",; "), ","));
    } else {
      if (value.find_first_of("\n\r") != std::string::npos)
        throw wire::parameter_error(key, "invalid format - value contains a line break\n");
      section.set(key, value);
    }
  }
  const auto* path = section.find("path");
  if (path == nullptr) throw wire::parameter_error("path", "property is missing and it is not optional");
  const fs::path given(*path);
  if (!given.is_absolute() || given.lexically_normal() != given)
    throw wire::parameter_error("path", "invalid format - value does not look like a valid absolute path\n");
  if (section.find("content") == nullptr) section.set("content", "images,rootdir");
}

/// Runs a change of storage.cfg; plain failures get Proxmox's prefix, parameter errors stay as they are.
template <typename Work>
void with_prefix(const char* prefix, Work work) {
  try {
    work();
  } catch (const wire::ApiError& failure) {
    if (!failure.errors().empty()) throw;
    throw wire::failure(fmt::format("{}: {}", prefix, failure.message()));
  } catch (const Error& failure) {
    throw wire::failure(fmt::format("{}: {}", prefix, failure.what()));
  }
}

struct Stamp {
  std::int64_t seconds = -1, nanoseconds = 0, size = 0;
  ino_t inode = 0;
  bool operator==(const Stamp&) const = default;
};

Stamp stamp_of(const fs::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return {};
  return {info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_size, info.st_ino};
}

}  // namespace

struct Storages::State {
  fs::path file;
  fs::path local_folder;
  sys::ProcessRunner& runner;
  mutable std::mutex mutex;
  mutable Stamp stamp = {-2};
  mutable config::SectionFile sections;
  mutable std::string digest;
  mutable std::map<std::string, std::shared_ptr<DirStorage>> storages;
  mutable std::map<fs::path, std::shared_ptr<DirState>> folders;  ///< kept across changes of the file

  DirOptions options_of(const config::SectionEntry& section) const;
  void refresh() const;  // this and the following with the mutex held
  config::SectionEntry& require(const std::string& id);
  void write(const config::SectionFile& changed);
};

DirOptions Storages::State::options_of(const config::SectionEntry& section) const {
  DirOptions options;
  options.id = section.id;
  options.path = value_or(section, "path", "");
  for (const auto& kind : split_list(value_or(section, "content", "images,rootdir"), ",; "))
    if (kind != "none") options.content.insert(kind);
  options.enabled = !is_set(section, "disable");
  return options;
}

void Storages::State::refresh() const {
  const auto now = stamp_of(file);
  if (now == stamp) return;
  const auto text = sys::read_file_if_exists(file).value_or("");
  sections = config::parse_section_file(text);
  if (sections.find(kLocal) == nullptr)
    sections.sections.insert(sections.sections.begin(),
                             {"dir", std::string(kLocal), {{"path", ""}, {"content", "iso,vztmpl,backup"}}});
  // The node's own folder may have been moved with all that is in it.
  sections.find(kLocal)->set("path", local_folder.string());
  digest = sys::sha1_hex(text);
  std::map<std::string, std::shared_ptr<DirStorage>> fresh;
  for (const auto& section : sections.sections) {
    if (section.type != "dir") continue;
    auto options = options_of(section);
    const auto old = storages.find(section.id);
    if (old != storages.end() && old->second->options() == options) {
      fresh.insert(*old);
      continue;
    }
    auto& state = folders[options.path];
    if (!state) state = std::make_shared<DirState>();
    fresh[section.id] = std::make_shared<DirStorage>(std::move(options), state, runner);
  }
  storages = std::move(fresh);
  stamp = now;
}

config::SectionEntry& Storages::State::require(const std::string& id) {
  refresh();
  auto* section = sections.find(id);
  if (section == nullptr) throw wire::failure(fmt::format("storage '{}' does not exist", id));
  return *section;
}

void Storages::State::write(const config::SectionFile& changed) {
  sys::write_durable(file, config::print_section_file(changed), 0640);
  stamp = {-2};
  refresh();
}

Storages::Storages(fs::path config_file, fs::path local_folder, sys::ProcessRunner& runner)
    : state_(new State{std::move(config_file), std::move(local_folder), runner, {}, {-2}, {}, {}, {}, {}}) {
  const std::lock_guard lock(state_->mutex);
  if (!fs::exists(state_->file)) {
    config::SectionFile first;
    first.sections.push_back(
        {"dir",
         std::string(kLocal),
         {{"path", state_->local_folder.string()}, {"content", "iso,import,backup,images,vztmpl,snippets"}}});
    state_->write(first);
  }
  state_->refresh();
  for (const auto& [id, storage] : state_->storages) storage->sweep();
}

Storages::~Storages() = default;

StoragePtr Storages::find_if_exists(const std::string& id) const {
  const std::lock_guard lock(state_->mutex);
  state_->refresh();
  const auto found = state_->storages.find(id);
  return found == state_->storages.end() ? nullptr : found->second;
}

StoragePtr Storages::find(const std::string& id) const {
  auto storage = find_if_exists(id);
  if (!storage) throw wire::failure(fmt::format("storage '{}' does not exist", id));
  return storage;
}

std::vector<StoragePtr> Storages::all() const {
  const std::lock_guard lock(state_->mutex);
  state_->refresh();
  std::vector<StoragePtr> list;
  for (const auto& [id, storage] : state_->storages) list.push_back(storage);
  return list;
}

std::pair<StoragePtr, wire::VolumeId> Storages::resolve(const std::string& volume) const {
  const auto id = wire::parse_volume_id(volume);
  if (!id) throw wire::failure(fmt::format("unable to parse volume ID '{}'", volume));
  return {find(id->storage), *id};
}

StoragePtr Storages::find_holding(const std::string& id, const std::string& kind) const {
  auto storage = find(id);
  if (!storage->enabled()) throw wire::failure(fmt::format("storage '{}' is disabled", id));
  if (!storage->holds(kind))
    throw wire::failure(fmt::format("storage '{}' does not support '{}' content", id, kind));
  return storage;
}

std::vector<config::SectionEntry> Storages::configured() const {
  const std::lock_guard lock(state_->mutex);
  state_->refresh();
  return state_->sections.sections;
}

std::string Storages::digest() const {
  const std::lock_guard lock(state_->mutex);
  state_->refresh();
  return state_->digest;
}

void Storages::create(const std::string& id, const std::string& type, const Values& values) {
  if (!is_storage_id(id))
    throw wire::parameter_error(
        "storage", fmt::format("invalid format - storage ID '{}' contains illegal characters\n", id));
  const std::lock_guard lock(state_->mutex);
  with_prefix("create storage failed", [&] {
    state_->refresh();
    if (state_->sections.find(id) != nullptr)
      throw wire::failure(fmt::format("storage ID '{}' already defined", id));
    if (type != "dir")
      throw wire::failure(fmt::format("this node has directory storages only, not '{}'", type));
    config::SectionEntry section{type, id, {}};
    apply(section, values);
    if (value_or(section, "mkdir", "1") != "0") sys::make_folder(*section.find("path"));
    auto changed = state_->sections;
    changed.sections.push_back(std::move(section));
    state_->write(changed);
  });
}

void Storages::update(const std::string& id, const Values& values,
                      const std::vector<std::string>& remove_keys, const std::string& digest) {
  const std::lock_guard lock(state_->mutex);
  with_prefix("update storage failed", [&] {
    state_->require(id);
    if (!digest.empty() && digest != state_->digest)
      throw wire::failure("detected modified configuration - file changed by other user? Try again.");
    auto changed = state_->sections;
    auto& section = *changed.find(id);
    for (const auto& [key, value] : values)
      if (key == "path" && value != value_or(section, "path", ""))
        throw wire::parameter_error("path", "can't change value of fixed parameter");
    for (const auto& key : remove_keys) {
      if (key == "path") throw wire::failure("unable to delete required option 'path'");
      section.erase(key);
    }
    apply(section, values);
    state_->write(changed);
  });
}

void Storages::remove(const std::string& id) {
  const std::lock_guard lock(state_->mutex);
  with_prefix("delete storage failed", [&] {
    state_->require(id);
    auto changed = state_->sections;
    changed.erase(id);
    state_->write(changed);
  });
}

}  // namespace hlid::node::storage
