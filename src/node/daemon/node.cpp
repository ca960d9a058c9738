#include "node/daemon/node.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/version.h"
#include "node/auth/authenticator.h"
#include "node/config/config_store.h"
#include "node/daemon/listener.h"
#include "node/daemon/realm_watch.h"
#include "node/daemon/server_identity.h"
#include "node/http/api_handler.h"
#include "node/network/realm.h"
#include "node/qemu/host_facts.h"
#include "node/service/publish_store.h"
#include "node/service/service.h"
#include "node/storage/storages.h"
#include "node/task/tasks.h"
#include "node/vm/machines.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/process.h"

namespace hlid::node::daemon {
namespace {

std::string own_program() {
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

/// What a fresh upload folder cannot have: parts of uploads that a killed daemon left.
std::filesystem::path fresh_folder(std::filesystem::path folder) {
  std::filesystem::remove_all(folder);
  sys::make_folder(folder, 0700);
  return folder;
}

/// The file is there for people to read and edit from the first start on.
network::NetworkConfig network_config(const NodeFolder& folder) {
  if (!std::filesystem::exists(folder.interfaces()))
    sys::write_durable(folder.interfaces(), network::print_interfaces(network::default_network()));
  return network::parse_interfaces(sys::read_file(folder.interfaces()));
}

}  // namespace

/// In the order in which they are made; they go in the opposite one.
struct Node::Parts {
  Parts(const DaemonOptions& options, const NodeFolder& where);
  ~Parts();

  bool bring_up_network();
  void publish_ports();
  void end_tasks();

  NodeFolder folder;
  sys::SystemClock clock;
  sys::SystemRandom random;
  sys::PosixProcessRunner processes;
  qemu::HostFacts facts;
  ServerIdentity identity;
  auth::Users users;
  auth::Permissions permissions;
  auth::Tickets tickets;
  auth::Authenticator authenticator;
  task::Tasks tasks;
  config::ConfigStore configs;
  storage::Storages storages;
  network::Realm realm;
  vm::Machines machines;
  service::Service service;
  http::ApiHandler handler;
  std::unique_ptr<RealmWatch> realm_watch;
  std::unique_ptr<net::HttpServer> server;
  std::string endpoint;
};

Node::Parts::Parts(const DaemonOptions& options, const NodeFolder& where)
    : folder(where),
      facts(qemu::measure_host(processes)),
      identity(ensure_identity(folder, certificate_names(options))),
      users(folder.etc() / "user.cfg", folder.priv(), clock, random),
      permissions(users),
      tickets(folder.priv() / "authkey.pem"),
      authenticator(users, permissions, tickets, clock),
      tasks({.folder = folder.tasks(), .node = options.node}, clock),
      configs({.folder = folder.etc() / "qemu-server", .node = options.node}),
      storages(folder.etc() / "storage.cfg", folder.root(), processes),
      realm(folder.root(), own_program(), processes),
      machines({.node = options.node,
                .run_folder = folder.run(),
                .configs = configs,
                .storages = storages,
                .network = realm,
                .tasks = tasks,
                .processes = processes,
                .clock = clock,
                .random = random,
                .facts = facts,
                .serial_log_folder = folder.root() / "log"}),
      service({.node = options.node,
               .build = std::string(version()),
               .address = options.listen,
               .fingerprint = identity.fingerprint,
               .folder = folder.root(),
               .machines = machines,
               .storages = storages,
               .tasks = tasks,
               .users = users,
               .permissions = permissions,
               .authenticator = authenticator,
               .processes = processes,
               .clock = clock,
               .apply_network = [this](const network::NetworkConfig& config) { realm.apply(config); },
               .publish = [this](const std::vector<forward::Rule>& rules) { realm.publish(rules, true); },
               .published = [this] { return realm.published(); }}),
      handler({.upload_folder = fresh_folder(folder.run() / "upload")}, service, authenticator, clock) {
  if (!facts.kvm) log::info("machines are emulated: {}", facts.kvm_reason);
  machines.adopt();
  const bool node_boots = bring_up_network();
  server = listen(options, folder, identity, handler);
  endpoint = url_of(options.listen, server->port());
  auth::ensure_client_file(users, folder.client_file(), endpoint, folder.authority());
  if (node_boots) machines.start_all_task({}, {});
}

/// A port that another program has by now must not keep the machines from their network.
void Node::Parts::publish_ports() {
  try {
    realm.publish(service.parts().publish_store->rules(), false);
  } catch (const Error& error) {
    log::error("{}{}", error.what(), error.hint().empty() ? "" : "; fix: " + error.hint());
  }
}

/// True when the network is new: then nothing of an earlier run lives, as after a power cut, and the machines
/// that start with the node are to be started. A daemon that only replaces another leaves them as they are.
bool Node::Parts::bring_up_network() {
  try {
    const bool was_there = realm.ensure();
    realm.apply(network_config(folder));
    const auto running = machines.running();
    realm.sweep({running.begin(), running.end()});
    publish_ports();
    realm_watch = std::make_unique<RealmWatch>(realm);
    return !was_there;
  } catch (const Error& error) {
    // The node still has its API, which says the same to whoever starts a machine.
    log::error("{}{}", error.what(), error.hint().empty() ? "" : "; fix: " + error.hint());
    return false;
  }
}

/// Their work uses all other parts, which go after this.
void Node::Parts::end_tasks() {
  for (const auto& entry : tasks.list({.limit = 0, .source = task::Source::active}).entries) {
    tasks.stop(entry.upid);
    tasks.wait(entry.upid);
  }
}

Node::Parts::~Parts() {
  try {
    server.reset();
    realm_watch.reset();
    end_tasks();
    if (machines.running().empty()) realm.destroy();
  } catch (const std::exception& error) {
    log::warn("{}", error.what());  // what is left over is found by the next daemon
  }
}

Node::Node(const DaemonOptions& options, const NodeFolder& folder)
    : parts_(std::make_unique<Parts>(options, folder)) {}

Node::~Node() = default;

const std::string& Node::endpoint() const {
  return parts_->endpoint;
}

}  // namespace hlid::node::daemon
