#pragma once
#include "template/request.h"

namespace hlid::test {

/// The reference homelab's template.
inline templates::BuildRequest example_request(const std::string& os = "ubuntu-24.04") {
  return {.image = {.name = "pkr-ubuntu-noble-1",
                    .vmid = {90001},
                    .os = os,
                    .locale = "fr_FR.UTF-8",
                    .keyboard = "fr",
                    .timezone = "Europe/Paris",
                    .packages = {"vim", "zip", "unzip"}},
          .access = {.user = "odin", .ssh_port = 2222}};
}

}  // namespace hlid::test
