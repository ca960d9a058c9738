#include "support/fake_rke2/bootstrap.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/journal.h"
#include "support/fake_rke2/pki.h"
#include "sys/files.h"
#include "sys/hash.h"

namespace hlid::fake_rke2 {
namespace {

constexpr std::time_t kRenewBefore = 120L * 24 * 3600;

const std::vector<std::pair<std::string, std::string>> kAuthorities = {
    {"server-ca", "rke2-server-ca"},
    {"client-ca", "rke2-client-ca"},
    {"request-header-ca", "rke2-request-header-ca"},
    {"etcd/server-ca", "etcd-server-ca"},
    {"etcd/peer-ca", "etcd-peer-ca"}};

std::vector<std::string> server_names(const Config& config) {
  std::vector<std::string> names{"127.0.0.1",
                                 "10.43.0.1",
                                 "localhost",
                                 "kubernetes",
                                 "kubernetes.default",
                                 "kubernetes.default.svc",
                                 "kubernetes.default.svc.cluster.local",
                                 config.node_name(),
                                 config.node_ip()};
  for (const char* key : {"node-external-ip", "advertise-address", "tls-san"})
    for (const auto& name : config.list(key)) names.push_back(name);
  std::vector<std::string> out;
  for (const auto& name : names)
    if (std::ranges::find(out, name) == out.end()) out.push_back(name);
  return out;
}

bool still_good(const fs::path& stem, const fs::path& authority, const Subject& subject) {
  if (!stored(stem)) return false;
  const auto certificate = load(stem).certificate;
  if (!signed_by(certificate, load(authority).certificate)) return false;
  const auto facts = inspect(certificate);
  if (facts.not_after - journal::unix_now() < kRenewBefore) return false;
  return std::ranges::all_of(subject.names,
                             [&](const auto& name) { return std::ranges::count(facts.names, name) > 0; });
}

void ensure(const fs::path& stem, const fs::path& authority, const Subject& subject) {
  if (still_good(stem, authority, subject)) return;
  journal::info("certificate CN={},O={} signed by CN={}", subject.common_name, subject.organisation,
                inspect(load(authority).certificate).subject);
  store(issue(load(authority), subject), stem);
}

std::string bootstrap_key(const std::string& password) {
  return "/bootstrap/" + sys::sha256_hex(password).substr(0, 12);
}

std::string value_of(const Config& config, const std::string& key, const std::string& otherwise) {
  const auto values = config.list(key);
  return values.empty() ? otherwise : join(values, ",");
}

}  // namespace

void make_authorities(const Layout& layout) {
  for (const auto& [file, name] : kAuthorities)
    if (const auto stem = layout.tls() / file; !stored(stem))
      store(make_authority(fmt::format("{}@{}", name, journal::unix_now())), stem);
  if (const auto key = layout.tls() / "service.key"; !fs::exists(key))
    sys::write_durable(key, make_authority("service").key, 0600);
}

void issue_certificates(const Config& config) {
  const auto tls = config.layout().tls();
  const auto names = server_names(config);
  const std::vector<std::string> etcd_names{"localhost", "127.0.0.1", config.node_ip(), config.node_name()};
  ensure(tls / "client-admin", tls / "client-ca", {"system:admin", "system:masters"});
  ensure(tls / "client-supervisor", tls / "client-ca", {"system:rke2-supervisor", "system:masters"});
  ensure(tls / "client-kube-apiserver", tls / "client-ca", {"system:apiserver", "system:masters"});
  ensure(tls / "client-controller", tls / "client-ca", {"system:kube-controller-manager", ""});
  ensure(tls / "client-scheduler", tls / "client-ca", {"system:kube-scheduler", ""});
  ensure(tls / "serving-kube-apiserver", tls / "server-ca", {"kube-apiserver", "", names});
  ensure(tls / "dynamic-server", tls / "server-ca", {"rke2", "rke2", names});
  ensure(tls / "etcd/server-client", tls / "etcd/server-ca", {"etcd-server-client", "", etcd_names});
  ensure(tls / "etcd/client", tls / "etcd/server-ca", {"etcd-client", ""});
  ensure(tls / "etcd/peer-server-client", tls / "etcd/peer-ca", {"etcd-peer", "", etcd_names});
}

json::object bootstrap_files(const Layout& layout) {
  json::object out;
  const auto add = [&](const std::string& path) {
    if (const auto text = sys::read_file_if_exists(layout.server() / path)) out[path] = base64_encode(*text);
  };
  for (const auto& [file, name] : kAuthorities) {
    add("tls/" + file + ".crt");
    add("tls/" + file + ".key");
  }
  add("tls/service.key");
  add("cred/passwd");
  return out;
}

void write_bootstrap_files(const Layout& layout, const json::object& files) {
  for (const auto& [path, content] : files) {
    const auto file = layout.server() / std::string(path);
    sys::make_folder(file.parent_path(), 0700);
    sys::write_durable(file, base64_decode(content.as_string()), file.extension() == ".crt" ? 0644 : 0600);
  }
}

bool opens_bootstrap_data(Etcd& etcd, const std::string& password) {
  const auto found = etcd.prefix("/bootstrap/");
  if (found.empty()) return true;
  for (const auto& entry : found) {
    if (entry.key != bootstrap_key(password)) continue;
    try {
      decrypt(entry.value, password);
      return true;
    } catch (const Error&) {
      return false;
    }
  }
  return false;
}

void adopt_bootstrap_data(Etcd& etcd, const Layout& layout, const std::string& password) {
  if (const auto found = etcd.get(bootstrap_key(password)))
    write_bootstrap_files(layout, parse_json(decrypt(found->value, password), "bootstrap data").as_object());
}

void settle_bootstrap_data(Etcd& etcd, const Layout& layout, const std::string& password) {
  if (!opens_bootstrap_data(etcd, password))
    journal::fatal(
        "Failed to reconcile with temporary etcd: bootstrap data already found and encrypted with different "
        "token");
  if (etcd.put_if(bootstrap_key(password), encrypt(to_text(bootstrap_files(layout)), password), 0))
    journal::info("Saving cluster bootstrap data to datastore");
}

void reseal_bootstrap_data(Etcd& etcd, const Layout& layout, const std::string& password) {
  etcd.put(bootstrap_key(password), encrypt(to_text(bootstrap_files(layout)), password));
  for (const auto& entry : etcd.prefix("/bootstrap/"))
    if (entry.key != bootstrap_key(password)) etcd.erase(entry.key);
}

Passwords read_passwords(const Layout& layout) {
  Passwords out;
  for (const auto& line : split(sys::read_file_if_exists(layout.cred() / "passwd").value_or(""), '\n')) {
    const auto parts = split(line, ',');
    if (parts.size() < 2) continue;
    (parts[1] == "server" ? out.server : out.node) = parts[0];
  }
  return out;
}

void write_passwords(const Layout& layout, const Passwords& passwords) {
  sys::make_folder(layout.cred(), 0700);
  sys::write_durable(layout.cred() / "passwd",
                     fmt::format("{},server,server,rke2:server\n{},node,node,rke2:agent\n", passwords.server,
                                 passwords.node),
                     0600);
  const auto ca = sys::read_file(layout.tls() / "server-ca.crt");
  sys::write_durable(layout.token(), full_token(ca, "server", passwords.server) + "\n", 0600);
  std::error_code none;
  fs::remove(layout.server() / "node-token", none);
  fs::create_symlink(layout.token(), layout.server() / "node-token", none);
  sys::write_durable(layout.server() / "agent-token", full_token(ca, "node", passwords.node) + "\n", 0600);
}

json::object critical_values(const Config& config) {
  const auto agent = config.agent_token();
  return {{"agent-token", agent ? sys::sha256_hex(parse_token(*agent).password) : ""},
          {"cluster-cidr", value_of(config, "cluster-cidr", "10.42.0.0/16")},
          {"service-cidr", value_of(config, "service-cidr", "10.43.0.0/16")},
          {"cluster-dns", value_of(config, "cluster-dns", "10.43.0.10")},
          {"cluster-domain", value_of(config, "cluster-domain", "cluster.local")},
          {"disable-cloud-controller", config.flag("disable-cloud-controller")},
          {"disable-kube-proxy", config.flag("disable-kube-proxy")},
          {"egress-selector-mode", config.text("egress-selector-mode", "agent")}};
}

}  // namespace hlid::fake_rke2
