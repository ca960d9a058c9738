#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "support/fake_rke2/https.h"
#include "support/fake_rke2/layout.h"
#include "support/fake_rke2/resources.h"

/// A client of the Kubernetes API (6443) as kubelets, controllers and kubectl use it.
namespace hlid::fake_rke2 {

/// An answer that is not 2xx: `reason` as in metav1.Status ("NotFound").
struct ApiProblem : std::exception {
  int status = 0;
  std::string reason, message;
  const char* what() const noexcept override { return message.c_str(); }
};

class Api {
 public:
  /// Tries the endpoints in turn and stays with the one that answers.
  Api(std::vector<Endpoint> endpoints, SslContext context,
      std::chrono::milliseconds timeout = std::chrono::seconds(10));

  /// nullopt: not found. All calls throw Error (not reached) and ApiProblem.
  std::optional<json::object> get(const std::string& path);
  std::vector<json::value> list(const std::string& path);
  void put(const std::string& path, const json::object& object);
  /// Reads, changes, writes, again after a conflict. `make` gets an empty object when there is none; when it
  /// returns false nothing is written.
  void update(const std::string& path, const std::function<bool(json::object&)>& change);
  bool remove(const std::string& path);
  /// The raw answer; throws ApiProblem unless 2xx.
  std::string raw(const std::string& method, const std::string& path, const std::string& body = {});
  void use(std::vector<Endpoint> endpoints);

 private:
  SslContext context_;
  std::chrono::milliseconds timeout_;
  std::vector<Endpoint> endpoints_;
  std::optional<Client> client_;
};

/// The administrator on this server: https://127.0.0.1:6443 with D/server/tls/client-admin.
Api local_admin(const Layout& layout, std::chrono::milliseconds timeout = std::chrono::seconds(10));

}  // namespace hlid::fake_rke2
