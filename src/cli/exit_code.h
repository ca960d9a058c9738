#pragma once
#include "base/error.h"

namespace hlid::cli {

/// What the command tells its caller. A script may rely on these.
enum class Exit {
  done = 0,
  failed = 1,
  usage = 2,          ///< the command line or the file
  denied = 3,         ///< authentication or privilege
  precondition = 4,   ///< something needed is missing, or it was not confirmed
  pending = 5,        ///< `plan --check`: changes are pending; `cluster upgrade --pause`: members are left
  interrupted = 130,  ///< Ctrl-C, as shells have it (128 + SIGINT)
};

Exit exit_for(Errc code);
/// The Errc of a parameter error of the API (400) is usage, but it is not the user's command line.
Exit exit_for(const Error& error);

}  // namespace hlid::cli
