#include "node/auth/secret_files.h"

#include <crypt.h>

#include "base/error.h"
#include "base/text.h"
#include "node/auth/tickets.h"
#include "sys/files.h"

namespace hlid::node::auth {
namespace {

std::string run_crypt(const Secret& password, const std::string& setting) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  const auto data = std::make_unique<crypt_data>();  // 32 KiB: not for a thread's stack
  const char* hash = ::crypt_r(password.reveal().c_str(), setting.c_str(), data.get());
  return hash == nullptr || hash[0] == '*' ? std::string() : std::string(hash);
}

}  // namespace

SecretFile::SecretFile(std::filesystem::path file, char separator)
    : file_(std::move(file)), separator_(separator) {
  const auto text = sys::read_file_if_exists(file_).value_or("");
  for (const auto& line : split(text, '\n'))
    if (const auto at = line.find(separator_); at != std::string::npos)
      values_[line.substr(0, at)] = std::string(trim(line.substr(at + 1)));
}

std::optional<std::string> SecretFile::find(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::nullopt : std::optional(found->second);
}

void SecretFile::set(const std::string& name, const std::string& value) {
  values_[name] = value;
  write();
}

void SecretFile::remove(const std::string& name) {
  if (values_.erase(name) != 0) write();
}

void SecretFile::remove_prefix(const std::string& prefix) {
  if (std::erase_if(values_, [&](const auto& item) { return item.first.rfind(prefix, 0) == 0; }) != 0)
    write();
}

void SecretFile::write() const {
  std::string text;
  for (const auto& [name, value] : values_) text += name + separator_ + value + "\n";
  sys::write_durable(file_, text, 0600);
}

std::string hash_password(const Secret& password, sys::Random& random) {
  const auto entropy = random.bytes(32);
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  const bool ok = ::crypt_gensalt_rn("$y$", 0, entropy.data(), static_cast<int>(entropy.size()), setting,
                                     sizeof setting) != nullptr;
  auto hash = ok ? run_crypt(password, setting) : std::string();
  if (hash.empty()) throw Error(Errc::failed, "the password cannot be hashed");
  return hash;
}

bool matches_password(const Secret& password, const std::string& hash) {
  const auto computed = run_crypt(password, hash);
  return !computed.empty() && equal_in_constant_time(computed, hash);
}

}  // namespace hlid::node::auth
