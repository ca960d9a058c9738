#include "cli/exit_code.h"

#include "wire/api_error.h"

namespace hlid::cli {

Exit exit_for(Errc code) {
  switch (code) {
    case Errc::usage:
    case Errc::spec:
      return Exit::usage;
    case Errc::denied:
      return Exit::denied;
    case Errc::precondition:
    case Errc::conflict:
      return Exit::precondition;
    case Errc::interrupted:
      return Exit::interrupted;
    case Errc::failed:
    case Errc::not_found:
    case Errc::timeout:
    case Errc::io:
    case Errc::protocol:
    case Errc::unsupported:
      return Exit::failed;
  }
  return Exit::failed;
}

Exit exit_for(const Error& error) {
  const bool from_api = dynamic_cast<const wire::ApiError*>(&error) != nullptr;
  return from_api && error.code() == Errc::usage ? Exit::failed : exit_for(error.code());
}

}  // namespace hlid::cli
