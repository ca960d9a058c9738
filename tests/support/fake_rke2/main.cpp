// The stand-in for RKE2, one program under many names (docs/testing.md).
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "support/fake_rke2/agent.h"
#include "support/fake_rke2/apiserver.h"
#include "support/fake_rke2/commands.h"
#include "support/fake_rke2/containers.h"
#include "support/fake_rke2/crictl.h"
#include "support/fake_rke2/kube_vip.h"
#include "support/fake_rke2/kubectl.h"
#include "support/fake_rke2/release.h"
#include "support/fake_rke2/server.h"

namespace hlid::fake_rke2 {
namespace {

int print_version() {
  std::cout << "rke2 version " << version() << " (0000000000000000000000000000000000000000)\n"
            << "go version go1.24.6 X:boringcrypto\n";
  return 0;
}

int rke2_main(std::vector<std::string> arguments) {
  if (arguments.empty()) {
    std::cout << "NAME:\n   rke2 - Rancher Kubernetes Engine 2\n";
    return 0;
  }
  const auto verb = arguments.front();
  arguments.erase(arguments.begin());
  if (verb == "--version" || verb == "-v") return print_version();
  if (verb == "server") return server_main(arguments);
  if (verb == "agent") return agent_main(arguments);
  if (verb == "etcd-snapshot") return snapshot_command(arguments);
  if (verb == "token") return token_command(arguments);
  if (verb == "certificate") return certificate_command(arguments);
  if (verb == "secrets-encrypt") return encryption_command(arguments);
  std::cerr << "No help topic for '" << verb << "'\n";
  return 3;
}

int dispatch(const std::string& name, const std::vector<std::string>& arguments) {
  if (name == "kubectl") return kubectl_main(arguments);
  if (name == "crictl" || name == "ctr") return crictl_main(arguments);
  if (name == "kube-apiserver") return apiserver_main(arguments);
  if (name == "kube-vip") return kube_vip_main(arguments);
  if (name == "containerd-shim-fake") return containers::shim_main(arguments);
  return rke2_main(arguments);
}

}  // namespace
}  // namespace hlid::fake_rke2

int main(int count, char** words) {
  const std::filesystem::path self(count > 0 ? words[0] : "rke2");
  return hlid::fake_rke2::dispatch(self.filename().string(), {words + (count > 0 ? 1 : 0), words + count});
}
