#pragma once
#include <map>
#include <string>

#include "base/error.h"

namespace hlid::wire {

/// A failure as the Proxmox API tells it: HTTP status, the full message (its first line is the reason phrase)
/// and, for status 400, what is wrong with which parameter. The node throws it, the client rebuilds it.
/// (pve-http-server, HTTP errors: reason phrase and {"data":null,"errors":{},"message":""}.)
class ApiError : public Error {
 public:
  ApiError(int status, std::string message, std::map<std::string, std::string> errors = {});

  int status() const { return status_; }
  std::string reason() const;  ///< first line of the message
  const std::map<std::string, std::string>& errors() const { return errors_; }

 private:
  int status_;
  std::map<std::string, std::string> errors_;
};

/// 400 "Parameter verification failed." for one parameter.
ApiError parameter_error(const std::string& parameter, const std::string& text);
/// 500 with a message, the way Proxmox answers most failures.
ApiError failure(std::string message);
/// 403 "Permission check failed (…)".
ApiError permission_error(const std::string& what);

}  // namespace hlid::wire
