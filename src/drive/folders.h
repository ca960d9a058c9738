#pragma once
#include <filesystem>
#include <string>

/// Where `hlid` keeps what it keeps, under $HLID_HOME. Nothing here is created.
namespace hlid::drive {

struct LabFolder {
  std::filesystem::path root;  ///< labs/<lab>
  std::filesystem::path known_hosts() const { return root / "known_hosts"; }
  std::filesystem::path snapshots() const { return root / "snapshots"; }  ///< of its cluster
};

LabFolder lab_folder(const std::filesystem::path& home, const std::string& lab);
std::filesystem::path template_cache(const std::filesystem::path& home);
std::filesystem::path release_cache(const std::filesystem::path& home);  ///< of Kubernetes distributions
std::filesystem::path disc_scratch(const std::filesystem::path& home);   ///< where DiscShelf makes its images

/// The embedded node's files; a contract between the two programs.
struct NodeFolder {
  std::filesystem::path root;  ///< nodes/<node>
  std::filesystem::path client_file() const { return root / "etc" / "priv" / "client.json"; }
  std::filesystem::path daemon_file() const { return root / "run" / "daemon.json"; }
  std::filesystem::path daemon_log() const { return root / "log" / "daemon.log"; }
  std::filesystem::path storage(const std::string& id) const { return root / "storage" / id; }
  std::filesystem::path serial_socket(int vmid) const {
    return root / "run" / (std::to_string(vmid) + ".serial0");
  }
  std::filesystem::path serial_log(int vmid) const {
    return root / "log" / (std::to_string(vmid) + ".serial0");
  }
};

NodeFolder node_folder(const std::filesystem::path& home, const std::string& node);

}  // namespace hlid::drive
