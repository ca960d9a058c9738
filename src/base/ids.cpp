#include "base/ids.h"

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/string_generator.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <charconv>
#include <stdexcept>

namespace hlid {

std::optional<Vmid> parse_vmid(std::string_view text) {
  int number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (number < 100 || number > 999'999'999) return std::nullopt;
  return Vmid{number};
}

std::string to_string(Vmid vmid) {
  return std::to_string(vmid.value);
}

std::optional<Uuid> parse_uuid(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  try {
    return Uuid{boost::uuids::to_string(boost::uuids::string_generator{}(text.begin(), text.end()))};
  } catch (const std::runtime_error&) {
    return std::nullopt;
  }
}

Uuid uuid_v5(const Uuid& space, std::string_view name) {
  const auto base = boost::uuids::string_generator{}(space.text);
  return {boost::uuids::to_string(boost::uuids::name_generator_sha1{base}(name.data(), name.size()))};
}

Uuid machine_uuid(std::string_view cluster, std::string_view machine) {
  static const Uuid kNamespace{"8d0c1b62-8f5c-5d3e-9f0a-3c6f1e6a7b42"};
  return uuid_v5(kNamespace, std::string(cluster) + "/" + std::string(machine));
}

}  // namespace hlid
