#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cluster/snapshot.h"
#include "cluster/ustar.h"
#include "sys/files.h"
#include "sys/hash.h"

namespace hlid::cluster {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kManifest = "MANIFEST";
constexpr std::string_view kFirstLine = "hlid-bundle 1";

void read_line(const std::string& line, Bundle& bundle) {
  const auto blank = line.find(' ');
  if (blank == std::string::npos) return;
  const auto key = line.substr(0, blank);
  const auto value = line.substr(blank + 1);
  if (key == "lab") bundle.lab = value;
  if (key == "label") bundle.label = value;
  if (key == "machine") bundle.taken_on = value;
  if (key == "time") std::from_chars(value.data(), value.data() + value.size(), bundle.taken_at);
  if (key == "distribution") bundle.distribution = value;
  if (key == "version") bundle.version = value;
  if (key == "ca") bundle.ca_hash = value;
  if (key == "snapshot") bundle.snapshot_name = value;
  if (key == "sum" && value.size() > 66) bundle.sums[value.substr(66)] = value.substr(0, 64);
}

bool newer(const Bundle& one, const Bundle& other) {
  return one.taken_at != other.taken_at ? one.taken_at > other.taken_at : one.file > other.file;
}

}  // namespace

Bundle read_bundle(const fs::path& file) {
  const auto parts = read_archive(file);
  if (parts.empty() || parts.front().name != kManifest)
    throw Error(Errc::protocol, "'{}' is no bundle of a cluster: it has no manifest", file.string())
        .with_hint("hlid cluster snapshot list shows the bundles there are");
  const auto lines = split(read_part(file, parts.front(), 64 << 10), '\n');
  if (lines.front() != kFirstLine)
    throw Error(Errc::protocol, "'{}' is a bundle of another format ('{}')", file.string(), lines.front());
  Bundle bundle;
  bundle.file = file;
  bundle.bytes = static_cast<std::int64_t>(fs::file_size(file));
  for (const auto& line : lines) read_line(line, bundle);
  for (const auto* needed : {&bundle.version, &bundle.snapshot_name, &bundle.distribution})
    if (needed->empty()) throw Error(Errc::protocol, "the manifest in '{}' is not complete", file.string());
  return bundle;
}

void verify_bundle(const Bundle& bundle) {
  const auto parts = read_archive(bundle.file);
  for (const auto& [name, sum] : bundle.sums) {
    const auto part =
        std::find_if(parts.begin(), parts.end(), [&](const auto& one) { return one.name == name; });
    if (part == parts.end())
      throw Error(Errc::failed, "'{}' lacks its part '{}'", bundle.file.string(), name);
    if (sys::sha256_part(bundle.file, part->offset, part->size) != sum)
      throw Error(Errc::failed, "'{}' is damaged: its part '{}' is not what was stored", bundle.file.string(),
                  name);
  }
  for (const char* needed : {"snapshot.gz", "token"})
    if (bundle.sums.count(needed) == 0)
      throw Error(Errc::failed, "'{}' lacks its part '{}'", bundle.file.string(), needed);
}

std::vector<Bundle> list_bundles(const fs::path& folder) {
  std::vector<Bundle> bundles;
  if (!fs::is_directory(folder)) return bundles;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != kBundleExtension || !entry.is_regular_file()) continue;
    try {
      bundles.push_back(read_bundle(entry.path()));
    } catch (const Error& error) {
      if (error.code() != Errc::protocol && error.code() != Errc::not_found) throw;
    }
  }
  std::sort(bundles.begin(), bundles.end(),
            [](const Bundle& one, const Bundle& other) { return newer(other, one); });
  return bundles;
}

std::vector<Bundle> prune_bundles(const fs::path& folder, const std::string& lab, const std::string& label,
                                  int keep) {
  std::vector<Bundle> removed;
  auto bundles = list_bundles(folder);
  std::sort(bundles.begin(), bundles.end(), newer);
  int kept = 0;
  for (const auto& bundle : bundles) {
    if (bundle.lab != lab || bundle.label != label || kept++ < keep) continue;
    sys::remove_durable(bundle.file);
    removed.push_back(bundle);
  }
  return removed;
}

}  // namespace hlid::cluster
