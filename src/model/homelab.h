#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/units.h"

/// What the user wants, as plain data: the homelab file after validation, defaults filled in and groups
/// expanded to machines. Nothing here knows YAML, HTTP or QEMU.
namespace hlid::model {

/// A secret by reference ("env:NAME", "file:PATH", "cmd:COMMAND"); resolved only where it is used.
struct SecretRef {
  std::string text;
  bool empty() const { return text.empty(); }
  bool operator==(const SecretRef&) const = default;
};

struct Proxmox {
  std::vector<std::string> nodes{"asgard"};
  std::string endpoint;  ///< empty: the embedded node
  SecretRef token;       ///< "user@realm!id=uuid"
  std::string fingerprint;
  std::string ca_file;
  std::string storage = "local-zfs";
  std::string iso_storage = "local";
  std::string bridge = "vmbr0";
  bool embedded() const { return endpoint.empty(); }
};

struct Network {
  Cidr cidr;
  Ipv4 gateway;
  std::vector<Ipv4> dns;
  std::string search_domain;  ///< empty: the lab's name
};

struct Template {
  std::string name;
  Vmid vmid;
  std::string os = "ubuntu-24.04";  ///< ubuntu-24.04, debian-12, debian-13
  std::string locale = "en_US.UTF-8";
  std::string keyboard = "us";
  std::string timezone = "Etc/UTC";
  std::vector<std::string> packages;
  std::string mirror;  ///< empty: the distribution's own
  /// A ready disk image (raw or qcow2) to use as it is; then nothing is built, and what is above says nothing
  /// but for name and vmid. File: `image: PATH`.
  std::string image_file;
  Bytes disk = hlid::gib(4);  ///< of the template; machines grow theirs
};

struct Access {
  std::string user;
  int ssh_port = 22;
  std::vector<std::string> authorized_keys;  ///< whole public key lines, files already read
  SecretRef console_password;
};

enum class Role { server, agent, plain };  ///< in the cluster; plain: not part of it

/// One machine, everything decided.
struct Machine {
  std::string name;  ///< <lab>-<group>-<n>
  std::string group;
  int number = 1;  ///< within the group, from 1
  Role role = Role::plain;
  Vmid vmid;
  std::string node;  ///< where it shall run
  Cidr address;
  int cores = 2;
  Bytes memory = hlid::gib(4);
  Bytes disk = hlid::gib(50);
  std::vector<std::string> tags;  ///< without hlid's own two
  bool start_at_boot = true;
  bool linked_clone = false;  ///< file: clone: full|linked
  bool instant = true;        ///< embedded node: it begins where its template stood, not with a boot
  std::map<std::string, std::string> labels;  ///< of its Node in the cluster
  std::vector<std::string> taints;            ///< "key=value:NoSchedule" or "key:NoExecute", each once
};

/// The value of a configuration key of the distribution that hlid has no field for.
struct Option {
  std::vector<std::string> values;  ///< one when it is no list
  bool list = false;
  bool operator==(const Option&) const = default;
};

struct Cluster {
  std::string distribution = "rke2";
  std::string version;
  std::string channel;
  std::string artifacts;  ///< folder; empty: fetched
  std::optional<Ipv4> vip;
  std::string cni = "canal";
  std::string ingress;                         ///< traefik, ingress-nginx, none; empty: as the release has it
  std::string profile;                         ///< "cis": hardened; empty: as the release has it
  Cidr pod_network{Ipv4{0x0A2A0000}, 16};      ///< 10.42.0.0/16
  Cidr service_network{Ipv4{0x0A2B0000}, 16};  ///< 10.43.0.0/16
  std::vector<std::string> tls_san;            ///< beside the vip and each server's own name and address
  /// Keys of the distribution's configuration file, passed on as they are; none that hlid writes itself.
  std::map<std::string, Option> options;
  int max_unavailable = 1;
};

struct Backup {
  std::string schedule;  ///< "HH:MM"
  std::map<std::string, int> keep;
  std::string storage;
};

/// A TCP port of this host that leads to machines of the lab. Only the embedded node does it: its machines'
/// network is not the host's.
struct Publish {
  Ipv4 listen;                  ///< address of the host; 0.0.0.0: all of them
  int port = 0;                 ///< there
  std::string to;               ///< as the file says it: "vip", a group, a machine or an address
  std::vector<Ipv4> addresses;  ///< what that is; of several, each connection gets one that answers
  int target_port = 0;          ///< there
};

struct Homelab {
  std::string name;
  Proxmox proxmox;
  Network network;
  Template image;
  Access access;
  std::vector<Machine> machines;  ///< in the order of the file
  std::optional<Cluster> cluster;
  std::optional<Backup> backup;
  std::vector<Publish> publish;  ///< in the order of the file
};

}  // namespace hlid::model
