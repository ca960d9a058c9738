#include "support/fake_rke2/kubeconfig.h"

#include <cstdlib>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/pki.h"
#include "support/fake_rke2/yaml.h"
#include "sys/files.h"

namespace hlid::fake_rke2 {
namespace {

/// "<key>-data" in base64, or the file named by "<key>".
std::string blob(const YAML::Node& node, const std::string& key) {
  if (const auto data = node[key + "-data"]) return base64_decode(data.as<std::string>());
  if (const auto file = node[key]) return sys::read_file(file.as<std::string>());
  return {};
}

YAML::Node named(const YAML::Node& list, const std::string& name, const char* inner) {
  for (const auto& entry : list)
    if (entry["name"].as<std::string>() == name) return entry[inner];
  throw Error(Errc::not_found, "context was not found for specified context: {}", name);
}

}  // namespace

void write_kubeconfig(const Config& config) {
  const auto tls = config.layout().tls();
  const auto admin = load(tls / "client-admin");
  const auto text = fmt::format(
      "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {}\n    server: "
      "https://127.0.0.1:6443\n"
      "  name: default\ncontexts:\n- context:\n    cluster: default\n    user: default\n  name: default\n"
      "current-context: default\nkind: Config\npreferences: {{}}\nusers:\n- name: default\n  user:\n"
      "    client-certificate-data: {}\n    client-key-data: {}\n",
      base64_encode(sys::read_file(tls / "server-ca.crt")), base64_encode(admin.certificate),
      base64_encode(admin.key));
  const fs::path file = config.text("write-kubeconfig", kAdminKubeconfig.string());
  sys::make_folder(file.parent_path());
  const auto mode = std::strtoul(config.text("write-kubeconfig-mode", "0600").c_str(), nullptr, 8);
  sys::write_durable(file, text, static_cast<mode_t>(mode));
}

Kubeconfig read_kubeconfig(const fs::path& path) {
  try {
    const auto document = YAML::Load(sys::read_file(path));
    const auto context =
        named(document["contexts"], document["current-context"].as<std::string>(), "context");
    const auto cluster = named(document["clusters"], context["cluster"].as<std::string>(), "cluster");
    const auto user = named(document["users"], context["user"].as<std::string>(), "user");
    return {cluster["server"].as<std::string>(), blob(cluster, "certificate-authority"),
            blob(user, "client-certificate"), blob(user, "client-key")};
  } catch (const YAML::Exception& problem) {
    throw Error(Errc::protocol, "error loading config file \"{}\": {}", path.string(), problem.what());
  }
}

}  // namespace hlid::fake_rke2
