#include "drive/user_key.h"

#include <filesystem>

#include "base/error.h"
#include "base/text.h"
#include "sys/files.h"

namespace hlid::drive {

void make_user_key(sys::ProcessRunner& runner, const std::string& public_key_file) {
  const std::filesystem::path file(public_key_file);
  const auto name = file.filename().string();
  if (!name.starts_with("id_") || !name.ends_with(".pub"))
    throw Error(Errc::precondition, "the public key file '{}' does not exist", public_key_file);
  const auto private_file = file.parent_path() / file.stem();
  if (std::filesystem::exists(private_file))
    throw Error(Errc::precondition, "the private key '{}' is there, its public key file is not",
                private_file.string())
        .with_hint(fmt::format("ssh-keygen -y -f {} > {}", private_file.string(), public_key_file));
  const auto type = name.substr(3, name.size() - 7);
  sys::make_folder(file.parent_path(), 0700);
  sys::run_checked(runner,
                   {{"ssh-keygen", "-q", "-t", type, "-N", "", "-C", "hlid", "-f", private_file.string()}});
}

}  // namespace hlid::drive
