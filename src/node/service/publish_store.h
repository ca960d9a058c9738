// The published ports that the node is to have, in `etc/publish.cfg`, in the format of Proxmox's other files:
//
//   tcp: 127.0.0.1:8080
//           to 10.10.10.111:80,10.10.10.112:80
//           lab valaskjalf
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "node/forward/rule.h"

namespace hlid::node::service {

/// What cannot be read as a published port is left out.
std::vector<forward::Rule> parse_publish(std::string_view text);
std::string print_publish(const std::vector<forward::Rule>& rules);

/// Safe for use from several threads.
class PublishStore {
 public:
  explicit PublishStore(std::filesystem::path file);

  std::vector<forward::Rule> rules() const;

  /// These instead of the rules of `lab`; those of others stay. Keeps them once `make_so` has done what they
  /// say; what it throws leaves the file as it is. Throws Error(conflict) when another lab has one of the
  /// ports, or two of them are the same.
  void replace(const std::string& lab, std::vector<forward::Rule> rules,
               const std::function<void(const std::vector<forward::Rule>&)>& make_so);

 private:
  std::filesystem::path file_;
  /// One change at a time, making it so included: file and forwarder must not get them in different orders.
  std::mutex mutex_;
};

}  // namespace hlid::node::service
