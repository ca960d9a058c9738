#pragma once
#include <memory>
#include <optional>
#include <string>

#include "support/fake_rke2/https.h"

/// Tokens, and how a machine that has one reaches a supervisor (port 9345).
namespace hlid::fake_rke2 {

/// "K10<64 hex>::<user>:<password>" or the password alone.
struct Token {
  std::optional<std::string> ca_hash;
  std::string user;  ///< empty in the short form
  std::string password;
};
Token parse_token(const std::string& text);
/// SHA-256 of the authority's PEM file.
std::string ca_hash(const std::string& ca_pem);
std::string full_token(const std::string& ca_pem, const std::string& user, const std::string& password);

/// A supervisor whose authority was fetched and held against the token.
class Access {
 public:
  /// Fetches and checks the authority. `role`: the user of a short token ("server", "node"). Throws Error:
  /// io, timeout ("failed to get CA certs: …"), denied ("token CA hash does not match …").
  Access(const std::string& url, const Token& token, const std::string& role);
  /// Throws Error(denied) "not authorized" for 401 and 403, Error(failed) for other failures.
  std::string get(const std::string& path, const std::map<std::string, std::string>& headers = {});
  std::string put(const std::string& path, const std::string& body, const std::string& method = "PUT");
  const std::string& ca() const { return ca_; }
  const std::string& url() const { return url_; }
  /// For requests that a caller builds itself.
  Response send(const std::string& method, const std::string& path, const std::string& body,
                std::map<std::string, std::string> headers);

 private:
  std::string url_, ca_, authorization_;
  std::unique_ptr<Client> client_;
};

}  // namespace hlid::fake_rke2
