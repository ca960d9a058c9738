#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/text.h"
#include "image/filesystem.h"

namespace hlid::image {
namespace {

constexpr int kMostLinks = 16;

std::string in_quotes(const std::string& path) {
  for (const char c : path)
    if (c == '"' || c == '\n' || c == '\\')
      throw Error(Errc::usage, "'{}' is not a path that can be asked for in an image", path);
  return '"' + path + '"';
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

template <typename T>
T number(const std::string& text, int base = 10) {
  T value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

/// One line of debugfs' `ls -p`: "/12/100644/0/0/name/123/" (a folder has no size).
std::optional<DirectoryEntry> parse_entry(const std::string& line) {
  const auto fields = split(line, '/');
  if (fields.size() < 7 || fields[5] == "." || fields[5] == "..") return std::nullopt;
  return DirectoryEntry{.name = fields[5],
                        .mode = number<unsigned>(fields[2], 8),
                        .uid = number<unsigned>(fields[3]),
                        .gid = number<unsigned>(fields[4]),
                        .size = number<std::int64_t>(fields[6])};
}

}  // namespace

std::optional<std::string> Ext4Reader::ask(const std::string& request) const {
  const auto target = fmt::format("{}?offset={}", region_.image.string(), region_.start.count);
  const auto result = runner_.run({.argv = {"debugfs", "-R", request, target}, .output_limit = 128U << 20});
  if (result.ending == sys::Ending::not_started)
    throw Error(Errc::precondition, "'debugfs' cannot be started").with_hint("install the package e2fsprogs");
  if (contains(result.error_output, "File not found") || contains(result.error_output, "not a directory") ||
      contains(result.error_output, "Ext2 inode is not a directory"))
    return std::nullopt;
  // debugfs exits with 0 whatever happens; beside its banner it is silent when all is well.
  for (const auto& line : split(result.error_output, '\n'))
    if (!line.empty() && !line.starts_with("debugfs "))
      throw Error(Errc::failed, "cannot read the image '{}': {}", region_.image.string(), line);
  return result.output;
}

std::optional<std::vector<DirectoryEntry>> Ext4Reader::list(const std::string& path) const {
  const auto answer = ask("ls -p " + in_quotes(path));
  if (!answer) return std::nullopt;
  std::vector<DirectoryEntry> entries;
  for (const auto& line : split(*answer, '\n'))
    if (auto entry = parse_entry(line)) entries.push_back(std::move(*entry));
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  return entries;
}

std::optional<DirectoryEntry> Ext4Reader::entry(const std::string& path) const {
  const auto siblings = list(folder_of(path));
  if (!siblings) return std::nullopt;
  const auto name = path.substr(path.rfind('/') + 1);
  const auto found = std::ranges::find(*siblings, name, &DirectoryEntry::name);
  return found == siblings->end() ? std::nullopt : std::optional(*found);
}

std::optional<std::string> Ext4Reader::link_target(const std::string& path) const {
  const auto answer = ask("stat " + in_quotes(path));
  if (!answer || !contains(*answer, "Type: symlink")) return std::nullopt;
  constexpr std::string_view mark = "Fast link dest: \"";
  const auto at = answer->find(mark);
  if (at != std::string::npos) {
    const auto from = at + mark.size();
    return answer->substr(from, answer->find('"', from) - from);
  }
  return ask("cat " + in_quotes(path));  // a target of 60 bytes and more lies in a block
}

std::optional<std::string> Ext4Reader::read(const std::string& path) const {
  std::string at = path;
  for (int followed = 0; followed < kMostLinks; ++followed) {
    const auto found = entry(at);
    if (!found || found->is_folder()) return std::nullopt;
    if (!found->is_link()) return ask("cat " + in_quotes(at));
    const auto target = link_target(at).value_or("");
    at = target.starts_with('/')
             ? target
             : (std::filesystem::path(folder_of(at)) / target).lexically_normal().string();
  }
  return std::nullopt;
}

}  // namespace hlid::image
