#include "node/daemon/server_identity.h"

#include "base/text.h"
#include "net/certificate.h"
#include "sys/files.h"

namespace hlid::node::daemon {
namespace {

constexpr int kRenewDays = 30;

/// In this order a daemon killed in between leaves no certificate, and the next one makes both anew.
void keep(const net::KeyPair& pair, const std::filesystem::path& certificate,
          const std::filesystem::path& key, mode_t mode) {
  sys::remove_durable(certificate);
  sys::write_durable(key, pair.key_pem, 0600);
  sys::write_durable(certificate, pair.certificate_pem, mode);
}

std::optional<net::KeyPair> read(const std::filesystem::path& certificate, const std::filesystem::path& key) {
  const auto certificate_pem = sys::read_file_if_exists(certificate);
  const auto key_pem = sys::read_file_if_exists(key);
  if (!certificate_pem || !key_pem) return std::nullopt;
  return net::KeyPair{*certificate_pem, *key_pem};
}

net::KeyPair ensure_authority(const NodeFolder& folder) {
  const auto key = folder.priv() / "ca.key";
  if (auto pair = read(folder.authority(), key)) return *pair;
  auto made = net::make_authority("Hlidskjalf node " + folder.node());
  keep(made, folder.authority(), key, 0644);
  return made;
}

}  // namespace

ServerIdentity ensure_identity(const NodeFolder& folder, const std::vector<std::string>& names) {
  const auto authority = ensure_authority(folder);
  const auto certificate = folder.priv() / "server.pem";
  const auto key = folder.priv() / "server.key";
  const auto names_file = folder.priv() / "server.names";
  const auto names_text = join(names, "\n") + "\n";
  auto pair = read(certificate, key);
  if (!pair || net::days_left(pair->certificate_pem) < kRenewDays ||
      sys::read_file_if_exists(names_file) != names_text) {
    pair = net::make_certificate(authority, folder.node(), names);
    keep(*pair, certificate, key, 0600);
    sys::write_durable(names_file, names_text, 0600);
  }
  return {pair->certificate_pem, pair->key_pem, net::fingerprint(pair->certificate_pem)};
}

}  // namespace hlid::node::daemon
