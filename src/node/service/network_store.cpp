#include "node/service/network_store.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "sys/files.h"

namespace hlid::node::service {

NetworkStore::NetworkStore(std::filesystem::path file)
    : file_(std::move(file)), new_file_(file_.string() + ".new") {
  if (std::filesystem::exists(file_)) return;
  sys::make_folder(file_.parent_path(), 0700);
  sys::write_durable(file_, network::print_interfaces(network::default_network()));
}

NetworkConfig NetworkStore::current() const {
  return network::parse_interfaces(sys::read_file(file_));
}

std::optional<NetworkConfig> NetworkStore::pending() const {
  const auto text = sys::read_file_if_exists(new_file_);
  if (!text) return std::nullopt;
  return network::parse_interfaces(*text);
}

NetworkConfig NetworkStore::newest() const {
  const std::scoped_lock lock(mutex_);
  if (auto config = pending()) return *config;
  return current();
}

void NetworkStore::stage(const NetworkConfig& config) {
  network::validate(config);
  const std::scoped_lock lock(mutex_);
  sys::write_durable(new_file_, network::print_interfaces(config));
}

void NetworkStore::revert() {
  const std::scoped_lock lock(mutex_);
  sys::remove_durable(new_file_);
}

NetworkConfig NetworkStore::commit() {
  const std::scoped_lock lock(mutex_);
  if (const auto config = pending()) {
    network::validate(*config);
    sys::write_durable(file_, network::print_interfaces(*config));
    sys::remove_durable(new_file_);
  }
  return current();
}

std::string NetworkStore::changes() const {
  const std::scoped_lock lock(mutex_);
  const auto text = sys::read_file_if_exists(new_file_);
  if (!text) return "";
  const auto before = split(sys::read_file(file_), '\n');
  const auto after = split(*text, '\n');
  std::string out;
  const auto only_in = [&out](const auto& these, const auto& those, char sign) {
    for (const auto& line : these)
      if (std::ranges::find(those, line) == those.end()) out += sign + line + "\n";
  };
  only_in(before, after, '-');
  only_in(after, before, '+');
  return out;
}

}  // namespace hlid::node::service
