#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"

/// Names of volumes in a directory storage and where their files are, as Proxmox's dir plugin has them
/// (pve-storage, Plugin.pm parse_volname, filesystem_path). Pure.
namespace hlid::node::storage {

/// "9000/base-9000-disk-0.qcow2/1001/vm-1001-disk-0.qcow2", "iso/x.iso", … taken apart.
struct DirName {
  std::string content;            ///< images, iso, vztmpl, backup, snippets, import
  std::string file;               ///< "vm-1001-disk-0.qcow2"
  std::string format;             ///< raw, qcow2, vmdk; of other kinds as lists name them (iso, tgz, vma.zst)
  std::optional<Vmid> vmid = {};  ///< of images and backups
  std::string base = {};          ///< of linked clones: "9000/base-9000-disk-0.qcow2"
  bool is_base = false;
};

/// Throws ApiError 500 "unable to parse directory volume name '…'".
DirName parse_dir_name(const std::string& name);
/// nullopt for files that are none of their content's ("x.iso.part", temporary ones).
std::optional<DirName> parse_dir_file(const std::string& content, const std::string& file,
                                      std::optional<Vmid> vmid);
/// The volume name of a file; inverse of parse_dir_name.
std::string print_dir_name(const DirName& name);

/// The folder of a content kind under the storage's path: "template/iso".
std::string_view content_folder(std::string_view content);
std::filesystem::path dir_path(const std::filesystem::path& root, const DirName& name);

/// N of vm-ID-disk-N.* and base-ID-disk-N.*, else nullopt.
std::optional<int> disk_number(std::string_view file, Vmid vmid);

/// What is half built ends with this.
inline constexpr std::string_view kTemporarySuffix = ".hlid-tmp";

}  // namespace hlid::node::storage
