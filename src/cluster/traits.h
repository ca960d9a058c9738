#pragma once
#include <span>
#include <string>
#include <string_view>

/// What tells one distribution of Kubernetes from another, as a table: everything else in this module is
/// written once for all of them. Sources: docs.rke2.io and docs.k3s.io ("Air-Gap Install", "Server CLI",
/// "Embedded registry", "etcd-snapshot"), and the install.sh of both.
namespace hlid::cluster {

/// A line of the journal that means that waiting longer will not help.
struct FatalLine {
  std::string_view text;    ///< a part of the line, as the program writes it
  std::string_view reason;  ///< in words, for the message
  std::string_view fix;     ///< one thing to do
  bool retried;             ///< the unit tries again by itself and another machine may mend it: an answer
                            ///< only once the deadline is over
};

/// Paths are absolute in the machine. Everything is valid for ever (static tables).
struct Traits {
  std::string_view name;         ///< "rke2": of the program, in URLs (/v1-rke2/…) and in versions (+rke2r1)
  std::string_view data;         ///< D, the data folder
  std::string_view config;       ///< config.yaml; drop-ins in <config>.d
  std::string_view registries;   ///< registries.yaml
  std::string_view kubeconfig;   ///< of the administrator, on servers
  std::string_view program;      ///< the one binary
  std::string_view kubectl;      ///< there once the first start has unpacked it
  std::string_view server_unit;  ///< systemd unit without ".service"
  std::string_view agent_unit;
  std::string_view killall;           ///< script that ends every process of it, pods too
  std::string_view server_uninstall;  ///< script that removes it from a server
  std::string_view agent_uninstall;
  std::string_view runtime_image;  ///< its repository tells the version of an archive; empty: none does
  std::string_view releases;       ///< URL; /<version>/<file> follows
  std::string_view channels;       ///< URL; /<channel> follows; answers with a redirect to …/<version>
  int supervisor_port;             ///< where servers and agents join
  int api_port;
  bool cluster_init;                                 ///< the first server needs `cluster-init: true` for etcd
  bool etcd_in_process;                              ///< stopping the unit stops etcd
  bool bundled_kube_vip;                             ///< some archive of the release has kube-vip's image
  std::span<const FatalLine> fatal_lines;            ///< of both units
  std::span<const std::string_view> progress_lines;  ///< worth showing while one waits, in order

  std::string_view unit(bool server) const { return server ? server_unit : agent_unit; }
  std::string_view uninstall(bool server) const { return server ? server_uninstall : agent_uninstall; }
  std::string under(std::string_view path) const;  ///< D/<path>
};

/// "rke2" or "k3s"; throws Error(unsupported) for another.
const Traits& traits_of(std::string_view distribution);

/// The first fatal line that `line` of the journal contains; nullptr: none.
const FatalLine* find_fatal(const Traits& traits, std::string_view line);

}  // namespace hlid::cluster
