#include "support/fake_rke2/server.h"

#include <sys/stat.h>

#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/bootstrap.h"
#include "support/fake_rke2/containers.h"
#include "support/fake_rke2/controllers.h"
#include "support/fake_rke2/datastore.h"
#include "support/fake_rke2/encryption.h"
#include "support/fake_rke2/faults.h"
#include "support/fake_rke2/images.h"
#include "support/fake_rke2/journal.h"
#include "support/fake_rke2/kubeconfig.h"
#include "support/fake_rke2/manifests.h"
#include "support/fake_rke2/node.h"
#include "support/fake_rke2/pki.h"
#include "support/fake_rke2/reset.h"
#include "support/fake_rke2/snapshots.h"
#include "support/fake_rke2/start.h"
#include "support/fake_rke2/supervisor.h"
#include "sys/files.h"
#include "sys/hash.h"

namespace hlid::fake_rke2 {
namespace {

using namespace std::chrono_literals;

/// One start of a server, in the order in which RKE2 does things.
class Server {
 public:
  explicit Server(Config config)
      : config_(std::move(config)), layout_(config_.layout()), datastore_(config_), supervisor_(config_) {}

  int run() {
    check_host(config_, true);
    unpack_runtime(layout_);
    faults::after_step("runtime");
    if (config_.flag("cluster-reset")) {
      settle_identity();
      return reset_cluster(config_);
    }
    fs::remove(layout_.reset_flag());
    settle_identity();
    issue_certificates(config_);
    link_agent_files();
    faults::after_step("pki");
    supervisor_.start();
    faults::after_step("listener");
    import_images(layout_);
    faults::after_step("images");
    start_datastore();
    faults::after_step("etcd");
    start_api_server();
    faults::after_step("apiserver");
    start_node();
    faults::after_step("register");
    maybe_crash();
    while (faults::has("never_ready")) std::this_thread::sleep_for(1s);
    journal::info("rke2 is up and running");
    notify_ready();
    faults::after_step("ready");
    watch();
  }

 private:
  enum class Start { existing, joining, fresh };

  /// Which cluster this is, and with which passwords.
  void settle_identity() {
    start_ = datastore_.exists() ? Start::existing : config_.text("server") ? Start::joining : Start::fresh;
    const auto token = config_.token();
    const auto given = token ? parse_token(*token) : Token();
    if (start_ == Start::joining) {
      join_identity(given);
      return;
    }
    journal::info("{}", start_ == Start::existing
                            ? "Managed etcd cluster bootstrap already complete and initialized"
                            : "Managed etcd cluster initializing");
    make_authorities(layout_);
    if (given.ca_hash && *given.ca_hash != ca_hash(sys::read_file(layout_.tls() / "server-ca.crt")))
      journal::fatal(
          "failed to normalize server token; must be in format K10<CA-HASH>::<USERNAME>:<PASSWORD> or "
          "<PASSWORD>");
    auto passwords = read_passwords(layout_);
    if (!given.password.empty()) passwords.server = given.password;
    if (passwords.server.empty()) passwords.server = random_hex(16);
    passwords.node = agent_password(passwords.server);
    write_passwords(layout_, passwords);
  }

  std::string agent_password(const std::string& server_password) const {
    const auto agent = config_.agent_token();
    return agent ? parse_token(*agent).password : server_password;
  }

  void join_identity(const Token& given) {
    journal::info("Managed etcd cluster not yet initialized");
    if (given.password.empty()) journal::fatal("--token is required");
    if (!given.ca_hash)
      journal::warning(
          "Cluster CA certificate is not trusted by the host CA bundle, but the token does not include a CA "
          "hash. Use "
          "the full token from the server's node-token file to enable Cluster CA validation.");
    try {
      access_ = std::make_unique<Access>(*config_.text("server"), given, "server");
      compare_critical_values();
      const auto files = parse_json(access_->get("/v1-rke2/server-bootstrap"), "server-bootstrap");
      write_bootstrap_files(layout_, files.as_object());
    } catch (const Error& problem) {
      journal::fatal("starting kubernetes: preparing server: {}", problem.message());
    }
    write_passwords(layout_, {given.password, agent_password(given.password)});
  }

  void compare_critical_values() {
    const auto answer = parse_json(access_->get("/v1-rke2/config"), "config");
    const auto mine = critical_values(config_);
    bool differs = false;
    for (const auto& [key, value] : answer.at("critical").as_object()) {
      const auto* own = mine.if_contains(key);
      if (own != nullptr && *own == value) continue;
      journal::error("Critical configuration mismatched: {}", std::string(key));
      differs = true;
    }
    if (differs)
      journal::fatal(
          "starting kubernetes: preparing server: failed to bootstrap cluster data: failed to validate "
          "server "
          "configuration: critical configuration value mismatch between servers");
  }

  /// The node's own side of things, where `rke2 certificate` and operators look for it.
  void link_agent_files() const {
    sys::make_folder(layout_.agent());
    const auto tls = layout_.tls();
    for (const char* name : {"server-ca.crt", "client-ca.crt"})
      sys::write_durable(layout_.agent() / name, sys::read_file(tls / name));
    const auto node = config_.node_name();
    for (const auto& [stem, authority, subject] :
         {std::tuple{"client-kubelet", "client-ca", Subject{"system:node:" + node, "system:nodes"}},
          std::tuple{"serving-kubelet", "server-ca",
                     Subject{node, "", {node, config_.node_ip(), "127.0.0.1"}}}}) {
      const auto file = layout_.agent() / stem;
      if (!stored(file) || inspect(load(file).certificate).not_after < journal::unix_now() + 120L * 86400)
        store(issue(load(tls / authority), subject), file);
    }
    node_password();
  }

  void start_datastore() {
    switch (start_) {
      case Start::fresh:
        datastore_.start_new();
        break;
      case Start::joining:
        datastore_.join(*access_);
        break;
      case Start::existing:
        datastore_.start_existing();
        break;
    }
    faults::after_step("etcd-started");
    datastore_.wait_until_voter();
    journal::info("etcd data store connection OK");
    auto etcd = datastore_.local();
    settle_bootstrap_data(etcd, layout_, read_passwords(layout_).server);
    journal::info("ETCD server is now running");
  }

  void ensure_api_server() const {
    containers::ensure(
        layout_, "kube-apiserver",
        {(fs::canonical(layout_.bin()) / "kube-apiserver").string(), layout_.data.string(),
         // An issued certificate is read at start: another one is another command line.
         std::to_string(inspect(load(layout_.tls() / "serving-kube-apiserver").certificate).not_after)});
    sys::make_folder(layout_.static_pods());
    for (const char* name : {"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy",
                             "cloud-controller-manager"})
      sys::write_durable(
          layout_.static_pods() / (std::string(name) + ".yaml"),
          fmt::format("apiVersion: v1\nkind: Pod\nmetadata: {{name: {}, namespace: kube-system}}\n", name),
          config_.text("profile", "").starts_with("cis") ? 0600 : 0644);
  }

  void start_api_server() {
    ensure_api_server();
    journal::info("Waiting for API server to become available");
    for (;; std::this_thread::sleep_for(300ms)) {
      try {
        auto api = local_admin(layout_, 3s);
        api.raw("GET", "/readyz");
        break;
      } catch (const std::exception&) {
        ensure_api_server();
      }
    }
    journal::info("Kube API server is now running");
    write_kubeconfig(config_);
    supervisor_.set_ready();
  }

  void start_node() {
    Kubelet(config_, true).register_node(*api_for_node());
    remember_node_password();
    settle_encryption(config_);
    std::thread([this] {
      auto api = api_for_node();
      Kubelet kubelet(config_, true);
      kubelet.register_node(*api);
      kubelet.run(*api);
    }).detach();
    std::thread(run_controllers, config_).detach();
    std::thread(run_manifests, config_).detach();
    std::thread(run_snapshot_schedule, config_).detach();
    wait_for_own_condition();
  }

  std::unique_ptr<Api> api_for_node() const { return std::make_unique<Api>(local_admin(layout_)); }

  /// A server's own password is believed: it is held against the local file, not against the cluster.
  void remember_node_password() const {
    const auto name = config_.node_name();
    const auto hash = "$1:" + sys::sha256_hex(name + node_password());
    api_for_node()->put(
        "/api/v1/namespaces/kube-system/secrets/" + name + ".node-password.rke2",
        {{"type", "Opaque"}, {"immutable", true}, {"data", json::object{{"hash", base64_encode(hash)}}}});
  }

  void wait_for_own_condition() const {
    for (auto api = api_for_node();; std::this_thread::sleep_for(200ms)) {
      try {
        const auto node = api->get(node_path(config_.node_name()));
        if (node && condition_status(*node, "EtcdIsVoter") == "True") return;
      } catch (const std::exception&) {
        continue;  // an election; it comes back
      }
    }
  }

  [[noreturn]] void watch() {
    for (;; std::this_thread::sleep_for(2s)) {
      datastore_.watch();
      ensure_api_server();
    }
  }

  Config config_;
  Layout layout_;
  Datastore datastore_;
  Supervisor supervisor_;
  Start start_ = Start::fresh;
  std::unique_ptr<Access> access_;
};

}  // namespace

int server_main(const std::vector<std::string>& arguments) {
  prepare_process();
  try {
    return Server(Config::load(arguments, true)).run();
  } catch (const std::exception& problem) {
    journal::fatal("{}", problem.what());
  }
}

}  // namespace hlid::fake_rke2
