#include "model/observed.h"

#include <algorithm>

#include "base/text.h"

namespace hlid::model {

std::vector<std::string> ownership_tags(const std::string& lab) {
  return {"hlid", lab};
}

std::string machine_mark(const std::string& lab, const std::string& name) {
  return lab + "/" + name;
}

std::string machine_mac(const std::string& lab, const std::string& name) {
  const std::string uuid = machine_uuid(lab, name).text;
  std::string mac = "02";  // locally administered, unicast (IEEE 802, section 8.4)
  for (std::size_t at = uuid.size() - 10; at < uuid.size(); at += 2)
    mac += ":" + to_upper(uuid.substr(at, 2));
  return mac;
}

bool is_owned(const ObservedMachine& machine, const std::string& lab) {
  const auto wanted = ownership_tags(lab);
  const bool tagged = std::all_of(wanted.begin(), wanted.end(), [&](const auto& tag) {
    return std::find(machine.tags.begin(), machine.tags.end(), tag) != machine.tags.end();
  });
  return tagged && machine.uuid == machine_uuid(lab, machine.name).text;
}

}  // namespace hlid::model
