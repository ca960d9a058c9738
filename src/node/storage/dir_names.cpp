#include "node/storage/dir_names.h"

#include <algorithm>
#include <charconv>
#include <ctime>

#include "base/text.h"
#include "node/storage/storage.h"
#include "wire/api_error.h"

namespace hlid::node::storage {
namespace {

/// One component of a path that cannot lead anywhere else.
bool is_plain(std::string_view file) {
  if (file.empty() || file.size() > 255 || file == "." || file == "..") return false;
  return std::none_of(file.begin(), file.end(), [](char c) {
    return c == '/' || c == '\0' || static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
  });
}

/// The longest of `endings` that `file` ends with (without case) after at least one other character.
std::string ending_of(std::string_view file, const std::vector<std::string>& endings) {
  const auto lower = to_lower(file);
  std::string best;
  for (const auto& ending : endings)
    if (lower.size() > ending.size() && lower.ends_with(ending) && ending.size() > best.size()) best = ending;
  return best;
}

const std::vector<std::string> kImage = {".raw", ".qcow2", ".vmdk"};
const std::vector<std::string> kIso = {".iso", ".img"};
const std::vector<std::string> kTemplate = {".tar.gz", ".tar.xz", ".tar.zst", ".tar.bz2"};
const std::vector<std::string> kImport = {".raw", ".qcow2", ".vmdk", ".ova"};
const std::vector<std::string> kBackup = {".vma", ".vma.gz", ".vma.lzo", ".vma.zst", ".tgz",
                                          ".tar", ".tar.gz", ".tar.lzo", ".tar.zst", ".tar.bz2"};

std::optional<Vmid> backup_owner(std::string_view file) {
  for (const std::string_view prefix : {"vzdump-qemu-", "vzdump-lxc-"}) {
    if (!file.starts_with(prefix)) continue;
    const auto rest = file.substr(prefix.size());
    return parse_vmid(rest.substr(0, rest.find('-')));
  }
  return std::nullopt;
}

std::optional<std::string> format_in(const std::string& content, const std::string& file) {
  const auto from = [&](const std::vector<std::string>& endings) -> std::optional<std::string> {
    const auto ending = ending_of(file, endings);
    return ending.empty() ? std::nullopt : std::optional(ending.substr(1));
  };
  if (content == "images") return from(kImage);
  if (content == "import") return from(kImport);
  if (content == "backup") return from(kBackup);
  if (content == "snippets") return "snippet";
  if (content == "iso") return from(kIso) ? std::optional<std::string>("iso") : std::nullopt;
  if (content == "vztmpl")
    if (const auto ending = from(kTemplate)) return "t" + ending->substr(4);
  return std::nullopt;
}

[[noreturn]] void refuse(const std::string& name) {
  throw wire::failure(fmt::format("unable to parse directory volume name '{}'", name));
}

}  // namespace

std::optional<DirName> parse_dir_file(const std::string& content, const std::string& file,
                                      std::optional<Vmid> vmid) {
  if (!is_plain(file) || file.ends_with(kTemporarySuffix)) return std::nullopt;
  const auto format = format_in(content, file);
  if (!format) return std::nullopt;
  DirName name{content, file, *format, vmid};
  if (content == "images") {
    if (!vmid) return std::nullopt;
    name.is_base = file.starts_with("base-");
  }
  if (content == "backup") name.vmid = backup_owner(file);
  return name;
}

DirName parse_dir_name(const std::string& name) {
  const auto parts = split(name, '/');
  if (parts.size() == 4) {
    const auto base = parse_dir_file("images", parts[1], parse_vmid(parts[0]));
    auto clone = parse_dir_file("images", parts[3], parse_vmid(parts[2]));
    if (!base || !base->is_base || !clone) refuse(name);
    clone->base = parts[0] + "/" + parts[1];
    return *clone;
  }
  if (parts.size() != 2) refuse(name);
  const auto vmid = parse_vmid(parts[0]);
  const auto parsed = vmid ? parse_dir_file("images", parts[1], vmid)
                           : parse_dir_file(parts[0] == "images" ? "" : parts[0], parts[1], std::nullopt);
  if (!parsed) refuse(name);
  return *parsed;
}

std::string print_dir_name(const DirName& name) {
  if (name.content != "images") return name.content + "/" + name.file;
  const auto own = to_string(*name.vmid) + "/" + name.file;
  return name.base.empty() ? own : name.base + "/" + own;
}

std::string_view content_folder(std::string_view content) {
  if (content == "iso") return "template/iso";
  if (content == "vztmpl") return "template/cache";
  if (content == "backup") return "dump";
  return content;  // images, snippets, import
}

std::filesystem::path dir_path(const std::filesystem::path& root, const DirName& name) {
  auto folder = root / content_folder(name.content);
  if (name.content == "images") folder /= to_string(*name.vmid);
  return folder / name.file;
}

std::optional<int> disk_number(std::string_view file, Vmid vmid) {
  for (const std::string_view kind : {"vm-", "base-"}) {
    const auto prefix = fmt::format("{}{}-disk-", kind, to_string(vmid));
    if (!file.starts_with(prefix)) continue;
    const auto rest = file.substr(prefix.size());
    int number = 0;
    const auto [end, failure] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (failure == std::errc{} && end != rest.data() && number >= 0) return number;
  }
  return std::nullopt;
}

std::string upload_name(const std::string& kind, const std::string& client_name) {
  auto name = client_name.substr(client_name.find_last_of("/\\") + 1);
  for (char& c : name) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                         c == '_' || c == '-' || c == '.';
    if (!allowed) c = '_';
  }
  if (!parse_dir_file(kind, name, std::nullopt))
    throw wire::parameter_error("filename", "wrong file extension");
  return name;
}

}  // namespace hlid::node::storage
