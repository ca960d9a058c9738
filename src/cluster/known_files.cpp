#include "cluster/known_files.h"

#include <sys/stat.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cluster/release.h"
#include "sys/files.h"
#include "sys/hash.h"
#include "sys/programs.h"

namespace hlid::cluster {
namespace {

namespace fs = std::filesystem;

struct ::stat stat_of(const fs::path& file) {
  struct ::stat info {};
  if (::stat(file.c_str(), &info) != 0) throw system_error("cannot look at '" + file.string() + "'");
  return info;
}

std::vector<std::string> strings_of(const json::value* value) {
  std::vector<std::string> found;
  if (value != nullptr && value->is_array())
    for (const auto& one : value->get_array())
      if (one.is_string()) found.emplace_back(one.get_string());
  return found;
}

bool ends_with(const fs::path& file, std::string_view end) {
  const auto name = file.filename().string();
  return name.size() > end.size() && std::string_view(name).substr(name.size() - end.size()) == end;
}

/// "rke2-images.linux-amd64.txt" beside "rke2-images.linux-amd64.tar.zst".
fs::path list_beside(const fs::path& archive) {
  const auto name = archive.filename().string();
  return archive.parent_path() / (name.substr(0, name.find(".tar")) + ".txt");
}

}  // namespace

KnownFiles::KnownFiles(fs::path record, sys::ProcessRunner& runner, std::stop_token stop)
    : record_(std::move(record)), runner_(runner), stop_(std::move(stop)) {
  const auto text = sys::read_file_if_exists(record_);
  if (!text) return;
  try {
    const auto parsed = parse_json(*text);
    for (const auto& [path, value] : parsed.as_object()) {
      const auto& object = value.as_object();
      Fact fact{get_integer(object, "size").value_or(-1), get_integer(object, "changed").value_or(-1),
                get_string(object, "sha256").value_or(""), std::nullopt};
      if (const auto* images = object.if_contains("images")) fact.images = strings_of(images);
      facts_.emplace(path, std::move(fact));
    }
  } catch (const std::exception&) {
    facts_.clear();  // it is found out again
  }
}

void KnownFiles::save() const {
  json::object all;
  for (const auto& [path, fact] : facts_) {
    if (!fs::exists(path)) continue;
    json::object one{{"size", fact.size}, {"changed", fact.changed}, {"sha256", fact.sha256}};
    if (fact.images) one["images"] = json::array(fact.images->begin(), fact.images->end());
    all[path] = std::move(one);
  }
  sys::make_folder(record_.parent_path());
  sys::write_durable(record_, to_pretty_text(all));
}

KnownFiles::Fact& KnownFiles::fact_of(const fs::path& file) {
  const auto info = stat_of(file);
  const long long changed = info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec;
  auto& fact = facts_[fs::absolute(file).string()];
  if (fact.size != info.st_size || fact.changed != changed) fact = {info.st_size, changed, {}, std::nullopt};
  return fact;
}

std::string KnownFiles::sha256(const fs::path& file) {
  auto& fact = fact_of(file);
  if (fact.sha256.empty()) {
    fact.sha256 = sys::sha256_file(file);
    save();
  }
  return fact.sha256;
}

std::vector<std::string> KnownFiles::images(const fs::path& file) {
  if (const auto list = sys::read_file_if_exists(list_beside(file), 1U << 20)) return image_list(*list);
  auto& fact = fact_of(file);
  if (!fact.images) {
    fact.images = look_into(file);
    save();
  }
  return *fact.images;
}

/// The file changed its name and nothing else.
void KnownFiles::moved(const fs::path& from, const fs::path& to) {
  auto fact = fact_of(to);
  if (const auto known = facts_.find(fs::absolute(from).string()); known != facts_.end()) {
    if (known->second.size == fact.size && known->second.changed == fact.changed) fact = known->second;
    facts_.erase(known);
  }
  facts_[fs::absolute(to).string()] = std::move(fact);
  save();
}

std::vector<std::string> KnownFiles::look_into(const fs::path& archive) {
  for (const std::string list : {"manifest.json", "index.json"}) {
    const auto result = runner_.run({{"tar", "-xOf", archive.string(), list, "./" + list}}, stop_);
    if (stop_.stop_requested()) throw Error(Errc::interrupted, "interrupted");
    if (result.output.empty()) continue;  // it has none, or is no archive
    try {
      return image_names(result.output);
    } catch (const Error&) {  // some other archive's file of that name
    }
  }
  for (const auto& [ending, program] : {std::pair{".zst", "zstd"}, {".gz", "gzip"}, {".tar", "tar"}})
    if (ends_with(archive, ending) && !sys::find_program(program))
      throw Error(Errc::precondition, "'{}' is not installed, so '{}' cannot be looked into", program,
                  archive.string())
          .with_hint(std::string("install the package '") + program + "'");
  return {};
}

}  // namespace hlid::cluster
