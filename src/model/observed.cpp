#include "model/observed.h"

#include <algorithm>

namespace hlid::model {

std::vector<std::string> ownership_tags(const std::string& lab) {
  return {"hlid", lab};
}

bool is_owned(const ObservedMachine& machine, const std::string& lab) {
  const auto wanted = ownership_tags(lab);
  const bool tagged = std::all_of(wanted.begin(), wanted.end(), [&](const auto& tag) {
    return std::find(machine.tags.begin(), machine.tags.end(), tag) != machine.tags.end();
  });
  return tagged && machine.uuid == machine_uuid(lab, machine.name).text;
}

}  // namespace hlid::model
