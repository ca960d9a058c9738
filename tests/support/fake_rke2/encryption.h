#pragma once
#include "support/fake_rke2/api.h"
#include "support/fake_rke2/config.h"

/// Keys that secrets are encrypted with: D/server/cred/encryption-config.json on each server, the newest copy
/// in etcd, and on each server's Node the hash of the one that it uses.
namespace hlid::fake_rke2 {

/// At each start: takes the datastore's copy (makes the first), and publishes this server's hash.
void settle_encryption(const Config& config);
Response encryption_status(const Config& config);
/// {"stage": "rotate_keys"} and others; anything but a rotation of keys is refused.
Response encryption_change(const Config& config, const std::string& body);

}  // namespace hlid::fake_rke2
