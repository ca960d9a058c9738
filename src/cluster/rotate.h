#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/secret.h"
#include "cluster/site.h"

/// New secrets for a running cluster, server by server. Every verb first checks the quorum rule (quorum.h)
/// and can be repeated after any end.
namespace hlid::cluster {

/// Replaces the server token by `next` (empty: a random one of 256 bits), writes it to every machine's
/// configuration and restarts servers, then agents, one by one. Bundles taken before keep the old one with
/// them.
void rotate_token(const Site& site, const Secret& next = {});

/// The request itself: `server` makes the cluster's token what its file `request` says, {"newToken": "…"}
/// (k3s, pkg/server/handlers/token.go). Throws Error(failed) with the server's answer.
void ask_for_token(const Site& site, Guest& server, const std::string& request);

struct CertificateState {
  std::string machine;
  std::string name;  ///< "client-admin", "kubelet serving" …: as the distribution calls it
  int days = 0;      ///< until it ends; negative: ended so many days ago
};

/// Of every reachable machine with the distribution, the most urgent first. Works for a cluster that does not
/// run, too.
std::vector<CertificateState> check_certificates(const Site& site);

/// New certificates on every member: servers one by one, then agents. For a cluster that slept past the end
/// of its certificates, all servers are first renewed and started together, as no API can be asked for
/// health.
void rotate_certificates(const Site& site);

struct EncryptionState {
  std::string stage;       ///< "start", "reencrypt_request", "reencrypt_active", "reencrypt_finished" …
  std::string active_key;  ///< name, never the key
  bool enabled = false;
  bool hashes_match = false;  ///< all servers have the same configuration
};

EncryptionState encryption_state(const Site& site);
/// Of "secrets-encrypt status" in its text form.
EncryptionState parse_encryption_state(const std::string& text);

/// New key for the secrets in etcd: snapshot bundle into `bundles`, rotate on one server, wait until all is
/// written anew, restart that one first, then the other servers one by one.
void rotate_encryption_key(const Site& site, const std::filesystem::path& bundles);

}  // namespace hlid::cluster
