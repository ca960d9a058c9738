#include "wire/api_error.h"

namespace hlid::wire {
namespace {

Errc code_of(int status) {
  if (status == 401 || status == 403) return Errc::denied;
  if (status == 400) return Errc::usage;
  if (status == 501) return Errc::unsupported;
  return Errc::failed;
}

}  // namespace

ApiError::ApiError(int status, std::string message, std::map<std::string, std::string> errors)
    : Error(code_of(status), std::move(message)), status_(status), errors_(std::move(errors)) {}

std::string ApiError::reason() const {
  return message().substr(0, message().find('\n'));
}

ApiError parameter_error(const std::string& parameter, const std::string& text) {
  return {400, "Parameter verification failed.", {{parameter, text}}};
}

ApiError failure(std::string message) {
  return {500, std::move(message)};
}

ApiError permission_error(const std::string& what) {
  return {403, "Permission check failed (" + what + ")"};
}

}  // namespace hlid::wire
