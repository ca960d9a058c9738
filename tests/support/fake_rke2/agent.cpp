#include "support/fake_rke2/agent.h"

#include <algorithm>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/access.h"
#include "support/fake_rke2/faults.h"
#include "support/fake_rke2/images.h"
#include "support/fake_rke2/journal.h"
#include "support/fake_rke2/node.h"
#include "support/fake_rke2/pki.h"
#include "support/fake_rke2/start.h"
#include "sys/files.h"

namespace hlid::fake_rke2 {
namespace {

using namespace std::chrono_literals;

class Agent {
 public:
  explicit Agent(Config config) : config_(std::move(config)), layout_(config_.layout()) {}

  int run() {
    check_host(config_, false);
    if (!config_.text("server")) journal::fatal("--server is required");
    const auto token = config_.token();
    if (!token) journal::fatal("--token is required");
    token_ = parse_token(*token);
    known_ = read_known_servers();
    unpack_runtime(layout_);
    faults::after_step("runtime");
    connect();
    fetch_configuration();
    fetch_certificates();
    faults::after_step("pki");
    import_images(layout_);
    faults::after_step("images");
    register_node();
    faults::after_step("register");
    maybe_crash();
    while (faults::has("never_ready")) std::this_thread::sleep_for(1s);
    journal::info("rke2 agent is up and running");
    notify_ready();
    refresh_servers();
  }

 private:
  fs::path cache_file() const { return layout_.agent() / "etc/rke2-agent-load-balancer.json"; }

  /// Supervisors known from before, as long as `server:` is still the same.
  std::vector<std::string> read_known_servers() const {
    std::vector<std::string> out;
    const auto text = sys::read_file_if_exists(cache_file());
    if (!text) return out;
    const auto value = parse_json(*text, cache_file().string());
    if (text_at(value, {"ServerURL"}) != *config_.text("server")) return out;
    for (const auto& address : value.at("ServerAddresses").as_array()) out.emplace_back(address.as_string());
    return out;
  }

  void write_known_servers() const {
    json::array addresses;
    for (const auto& address : known_) addresses.emplace_back(address);
    sys::make_folder(cache_file().parent_path());
    sys::write_durable(cache_file(),
                       to_text(json::object{{"ServerURL", *config_.text("server")},
                                            {"ServerAddresses", std::move(addresses)}}),
                       0600);
  }

  std::vector<std::string> urls() const {
    std::vector<std::string> out{*config_.text("server")};
    for (const auto& address : known_) out.push_back("https://" + address);
    return out;
  }

  void connect() {
    for (;; std::this_thread::sleep_for(2s)) {
      std::string why;
      for (const auto& url : urls()) {
        try {
          access_ = std::make_unique<Access>(url, token_, "node");
          access_->get("/v1-rke2/config");
          return;
        } catch (const Error& problem) {
          if (why.empty()) why = fmt::format("{}: {}", url, problem.message());
        }
      }
      journal::error("Failed to validate connection to cluster at {}", why);
    }
  }

  static std::chrono::milliseconds pause() { return 5s + std::chrono::milliseconds(std::rand() % 5000); }

  void fetch_configuration() {
    for (;; std::this_thread::sleep_for(pause())) {
      try {
        remember(parse_json(access_->get("/v1-rke2/apiservers"), "apiservers").as_array());
        return;
      } catch (const std::exception& problem) {
        journal::info("Waiting to retrieve agent configuration; server is not ready: {}", problem.what());
      }
    }
  }

  void remember(const json::array& api_servers) {
    std::vector<Endpoint> endpoints;
    std::vector<std::string> supervisors;
    for (const auto& item : api_servers) {
      const auto endpoint = parse_url("https://" + std::string(item.as_string()));
      endpoints.push_back(endpoint);
      supervisors.push_back(endpoint.host + ":9345");
    }
    if (endpoints.empty()) throw Error(Errc::protocol, "no API servers are known yet");
    {
      const std::lock_guard lock(mutex_);
      endpoints_ = endpoints;
    }
    if (supervisors == known_) return;
    known_ = supervisors;
    write_known_servers();
  }

  void fetch_certificates() {
    for (const char* name : {"server-ca.crt", "client-ca.crt"})
      sys::write_durable(layout_.agent() / name, access_->get(std::string("/v1-rke2/") + name));
    for (const char* name : {"client-kubelet", "serving-kubelet"})
      for (;; std::this_thread::sleep_for(pause()))
        if (fetch_certificate(name)) break;
  }

  bool fetch_certificate(const std::string& name) {
    try {
      const auto answer = access_->send("POST", "/v1-rke2/" + name + ".crt", {},
                                        {{"rke2-Node-Name", config_.node_name()},
                                         {"rke2-Node-Password", node_password()},
                                         {"rke2-Node-IP", config_.node_ip()}});
      if (answer.status == 403) {
        journal::info(
            "Waiting to retrieve agent configuration; server is not ready: Node password rejected, duplicate "
            "hostname "
            "or contents of '{}' may not match server node-passwd entry, try enabling a unique node name "
            "with the "
            "--with-node-id flag",
            kNodePassword.string());
        return false;
      }
      if (answer.status != 200) throw Error(Errc::failed, "{} {}", answer.status, trim(answer.body));
      const auto key = answer.body.find("-----BEGIN PRIVATE KEY");
      store({answer.body.substr(0, key), answer.body.substr(key)}, layout_.agent() / name);
      return true;
    } catch (const Error& problem) {
      journal::info("Waiting to retrieve agent configuration; server is not ready: {}", problem.message());
      return false;
    }
  }

  Api api() const {
    return Api(endpoints_,
               client_context(sys::read_file(layout_.agent() / "server-ca.crt"),
                              load(layout_.agent() / "client-kubelet")),
               5s);
  }

  void register_node() {
    kubelet_api_ = std::make_unique<Api>(api());
    auto kubelet = std::make_shared<Kubelet>(config_, false);  // shared with its thread, which never ends
    for (;; std::this_thread::sleep_for(1s)) {
      try {
        kubelet->register_node(*kubelet_api_);
        break;
      } catch (const std::exception& problem) {
        journal::info("Waiting to register the node: {}", problem.what());
      }
    }
    std::thread([this, kubelet] {
      kubelet->run(*kubelet_api_, [this] {
        const std::lock_guard lock(mutex_);
        kubelet_api_->use(endpoints_);
      });
    }).detach();
  }

  /// Servers come and go: the list is asked for again from whichever answers.
  [[noreturn]] void refresh_servers() {
    for (;; std::this_thread::sleep_for(10s)) {
      try {
        remember(parse_json(access_->get("/v1-rke2/apiservers"), "apiservers").as_array());
      } catch (const std::exception&) {
        reconnect();
      }
    }
  }

  void reconnect() {
    for (const auto& url : urls()) {
      try {
        auto access = std::make_unique<Access>(url, token_, "node");
        access->get("/v1-rke2/config");
        access_ = std::move(access);
        return;
      } catch (const Error&) {
        continue;
      }
    }
  }

  Config config_;
  Layout layout_;
  Token token_;
  std::vector<std::string> known_;
  std::mutex mutex_;
  std::vector<Endpoint> endpoints_;
  std::unique_ptr<Access> access_;
  std::unique_ptr<Api> kubelet_api_;
};

}  // namespace

int agent_main(const std::vector<std::string>& arguments) {
  prepare_process();
  try {
    return Agent(Config::load(arguments, false)).run();
  } catch (const std::exception& problem) {
    journal::fatal("{}", problem.what());
  }
}

}  // namespace hlid::fake_rke2
