#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/units.h"
#include "model/observed_cluster.h"

/// What is there, as plain data, read from the hypervisor each time (there is no state file).
namespace hlid::model {

enum class Power { stopped, running, paused, unknown };

/// A guest of the hypervisor, ours or not.
struct ObservedMachine {
  Vmid vmid;
  std::string name;
  std::string node;
  Power power = Power::unknown;
  bool is_template = false;
  std::string lock;  ///< Proxmox's lock word, empty: none
  std::string uuid;  ///< SMBIOS
  std::vector<std::string> tags;
  int cores = 0;
  Bytes memory;
  std::string disk_key;  ///< virtio0
  Bytes disk;
  std::string storage;  ///< of that disk
  std::string bridge;
  std::string mac;
  std::optional<Cidr> address;  ///< from ipconfig0
  std::optional<Ipv4> gateway;
  std::vector<Ipv4> dns;
  std::string search_domain;
  std::string user;  ///< ciuser
  std::vector<std::string> authorized_keys;
  bool has_cloud_init_drive = false;
  bool has_password = false;
  bool start_at_boot = false;
  std::string cpu;
  std::string mark;  ///< the description's line "hlid-machine: <lab>/<name>", given in the clone call itself
  std::string template_key;          ///< the description's line "hlid-template: <key>": what it was made from
  std::optional<bool> agent;         ///< guest agent switched on in its configuration; nullopt: not read
  std::vector<std::string> pending;  ///< keys that wait for a reboot
};

struct ObservedStorage {
  std::string id;
  std::string type;  ///< dir, zfspool, lvmthin, …
  std::vector<std::string> content;
  bool active = false;
  bool shared = false;  ///< the same storage on every node that has it
  Bytes total, free;
};

struct ObservedBridge {
  std::string name;
  std::optional<Cidr> address;
};

struct ObservedNode {
  std::string name;
  bool online = false;
  int cpus = 0;
  Bytes memory_total, memory_free;
  std::vector<ObservedStorage> storages;
  std::vector<ObservedBridge> bridges;
};

/// A port of the embedded node's host that leads to machines.
struct ObservedPublish {
  std::string lab;  ///< whose it is; "" nobody's in particular
  Ipv4 listen;
  int port = 0;
  std::vector<std::string> to;  ///< "10.10.10.111:80"
  bool active = false;          ///< it listens
  std::string error;            ///< why it does not
  int connections = 0;          ///< now
  int answering = 0;            ///< of `to`, by the last attempt; those never tried do not count
};

struct Observed {
  std::string version;    ///< of Proxmox VE
  bool embedded = false;  ///< it is our own node
  std::vector<ObservedNode> nodes;
  std::vector<ObservedMachine> machines;   ///< every guest of the hypervisor, by VMID
  std::vector<ObservedPublish> published;  ///< embedded node: those of all labs
  /// Its machines also those of ours that the file does not name any more. nullopt: not looked at, because
  /// the file has no cluster or none of its machines runs.
  std::optional<ObservedCluster> cluster;
};

/// Ownership: all four must agree before anything of a machine is changed or destroyed (VMID and name are
/// compared by the caller, who knows which machine it means).
bool is_owned(const ObservedMachine& machine, const std::string& lab);
/// The description line's value that a machine of `lab` has from its first moment: "<lab>/<name>".
std::string machine_mark(const std::string& lab, const std::string& name);
/// A fixed address in the locally administered range, from the machine's UUID: a machine made anew keeps its
/// own.
std::string machine_mac(const std::string& lab, const std::string& name);
/// The tags that mark a machine as ours: "hlid" and the lab's name.
std::vector<std::string> ownership_tags(const std::string& lab);

}  // namespace hlid::model
