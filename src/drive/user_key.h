#pragma once
#include <string>

#include "sys/process.h"

namespace hlid::drive {

/// Makes the missing pair of a public key file "…/id_ed25519.pub" with ssh-keygen: type by the file's name,
/// no passphrase. Throws Error(precondition) when the name is not that of a public key or a private key is
/// there without it.
void make_user_key(sys::ProcessRunner& runner, const std::string& public_key_file);

}  // namespace hlid::drive
