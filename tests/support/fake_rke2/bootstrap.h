#pragma once
#include <string>
#include <vector>

#include "base/json.h"
#include "support/fake_rke2/access.h"
#include "support/fake_rke2/config.h"
#include "support/fake_rke2/etcd.h"

/// What makes a cluster that cluster: its authorities and passwords, in D/server, in etcd (sealed with the
/// token) and on the wire to joining servers.
namespace hlid::fake_rke2 {

/// Makes the authorities that are not there yet (an operator may have placed his own).
void make_authorities(const Layout& layout);
/// Issues the leaf certificates that are missing, end within 120 days or do not name this node.
void issue_certificates(const Config& config);

/// Path below D/server → content in base64.
json::object bootstrap_files(const Layout& layout);
void write_bootstrap_files(const Layout& layout, const json::object& files);

/// Saves them under /bootstrap/<hash of the token>, once. Ends the process when they are there, sealed with
/// another token.
void settle_bootstrap_data(Etcd& etcd, const Layout& layout, const std::string& password);
/// Whether the data in etcd can be opened with `password` (true as well when there are none).
bool opens_bootstrap_data(Etcd& etcd, const std::string& password);
/// What is in etcd replaces what is in D/server (a snapshot restored on another machine).
void adopt_bootstrap_data(Etcd& etcd, const Layout& layout, const std::string& password);
void reseal_bootstrap_data(Etcd& etcd, const Layout& layout, const std::string& password);

/// Passwords of the supervisor's users, as in D/server/cred/passwd.
struct Passwords {
  std::string server, node;
};
Passwords read_passwords(const Layout& layout);
/// passwd, token, node-token and agent-token.
void write_passwords(const Layout& layout, const Passwords& passwords);

/// Values that all servers must agree on; name → value.
json::object critical_values(const Config& config);

}  // namespace hlid::fake_rke2
