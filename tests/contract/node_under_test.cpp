#include "contract/node_under_test.h"

#include "net/certificate.h"
#include "net/http_server.h"
#include "node/auth/authenticator.h"
#include "node/config/config_store.h"
#include "node/forward/status.h"
#include "node/http/api_handler.h"
#include "node/network/interfaces.h"
#include "node/network/network.h"
#include "node/qemu/host_facts.h"
#include "node/service/service.h"
#include "node/storage/storages.h"
#include "node/task/tasks.h"
#include "node/vm/machines.h"
#include "support/tiny_guest.h"
#include "sys/entropy.h"
#include "sys/files.h"
#include "sys/process.h"

namespace hlid::test {
namespace {

namespace node = hlid::node;
constexpr const char* kRootPassword = "hlid-contract-1";

/// Machines get user-mode networks: what is compared is the API.
class NoNetwork : public node::network::Network {
 public:
  std::vector<std::string> command_prefix() override {
    return {std::string(HLID_SOURCE_DIR) + "/tests/contract/without-taps"};
  }
  void add_taps(const std::vector<node::network::Tap>&) override {}
  void remove_taps(Vmid) override {}
  void set_hosts(const std::vector<node::network::Host>&) override {}
};

/// None at first, as in the recordings.
constexpr const char* kInterfaces = "auto lo\niface lo inet loopback\n";

void make_files(const std::filesystem::path& home) {
  sys::make_folder(home / "etc/priv", 0700);
  sys::make_folder(home / "run", 0700);
  sys::write_durable(home / "etc/interfaces", kInterfaces);
  sys::write_durable(home / "etc/storage.cfg", "dir: local\n\tpath " + home.string() +
                                                   "\n\tcontent iso,import,backup,images,vztmpl,snippets\n");
}

}  // namespace

struct NodeUnderTest::Parts {
  sys::TempFolder folder{"contract"};
  std::filesystem::path home = folder.path() / "asgard";
  int prepared = (make_files(home), 0);
  sys::SystemClock clock;
  sys::SystemRandom random;
  sys::PosixProcessRunner processes;
  NoNetwork network;
  node::qemu::HostFacts facts = node::qemu::measure_host(processes);
  node::config::ConfigStore configs{{home / "etc/qemu-server", "asgard"}};
  node::storage::Storages storages{home / "etc/storage.cfg", home, processes};
  node::task::Tasks tasks{{.folder = home / "tasks", .node = "asgard"}, clock};
  node::auth::Users users{home / "etc/user.cfg", home / "etc/priv", clock, random};
  node::auth::Permissions permissions{users};
  node::auth::Tickets tickets{home / "etc/priv/authkey.pem"};
  node::auth::Authenticator authenticator{users, permissions, tickets, clock};
  node::vm::Machines machines{node::vm::Parts{"asgard", home / "run", configs, storages, network, tasks,
                                              processes, clock, random, facts}};
  net::KeyPair authority = net::make_authority("contract");
  net::KeyPair identity = net::make_certificate(authority, "asgard", {"asgard", "127.0.0.1"});
  node::service::Service service{
      node::service::Parts{.node = "asgard",
                           .build = "test",
                           .address = "127.0.0.1",
                           .fingerprint = net::fingerprint(identity.certificate_pem),
                           .folder = home,
                           .machines = machines,
                           .storages = storages,
                           .tasks = tasks,
                           .users = users,
                           .permissions = permissions,
                           .authenticator = authenticator,
                           .processes = processes,
                           .clock = clock,
                           .apply_network = [](const node::network::NetworkConfig&) {},
                           .publish = [](const std::vector<node::forward::Rule>&) {},
                           .published = [] { return std::vector<node::forward::PortStatus>{}; }}};
  node::http::ApiHandler handler{
      {.upload_folder = home / "run/upload", .stranger_delay = std::chrono::milliseconds(20)},
      service,
      authenticator,
      clock};
  std::unique_ptr<net::HttpServer> server;

  Parts() {
    users.set_password("root@pam", Secret(kRootPassword));
    net::ServerOptions options;
    options.port = 0;
    options.certificate_pem = identity.certificate_pem;
    options.key_pem = identity.key_pem;
    server = std::make_unique<net::HttpServer>(options, handler);
    sys::make_folder(folder.path() / "scratch");
    const TinyGuest guest = tiny_guest();
    std::filesystem::create_symlink(guest.kernel, folder.path() / "scratch/vmlinuz");
    std::filesystem::create_symlink(guest.initrd, folder.path() / "scratch/tiny.img");
    sys::run_checked(processes, {{"qemu-img", "create", "-q", "-f", "qcow2",
                                  (folder.path() / "scratch/base.qcow2").string(), "256M"}});
  }
};

NodeUnderTest::NodeUnderTest() : parts_(std::make_unique<Parts>()) {}
NodeUnderTest::~NodeUnderTest() {
  for (const Vmid vmid : parts_->machines.running()) {
    parts_->tasks.wait(parts_->machines.stop({}, vmid, {}));  // they would outlive us
  }
}

ServerUnderTest NodeUnderTest::server() const {
  return {parts_->server->port(), "asgard", kRootPassword, parts_->home, parts_->folder.path() / "scratch"};
}

}  // namespace hlid::test
