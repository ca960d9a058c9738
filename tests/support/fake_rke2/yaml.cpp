#include "support/fake_rke2/yaml.h"

#include "base/error.h"

namespace hlid::fake_rke2 {
namespace {

json::value to_json(const YAML::Node& node) {
  if (node.IsMap()) {
    json::object out;
    for (const auto& entry : node) out[entry.first.as<std::string>()] = to_json(entry.second);
    return out;
  }
  if (node.IsSequence()) {
    json::array out;
    for (const auto& item : node) out.push_back(to_json(item));
    return out;
  }
  if (!node.IsScalar()) return nullptr;
  const auto text = node.Scalar();
  if (node.Tag() == "!") return json::string(text);
  if (text == "true" || text == "false") return text == "true";
  if (text == "null" || text == "~" || text.empty()) return nullptr;
  long long number = 0;
  if (YAML::convert<long long>::decode(node, number)) return number;
  return json::string(text);
}

}  // namespace

std::vector<json::value> documents_of(const std::string& yaml) {
  std::vector<json::value> out;
  try {
    for (const auto& node : YAML::LoadAll(yaml))
      if (node.IsMap()) out.push_back(to_json(node));
  } catch (const YAML::Exception& problem) {
    throw Error(Errc::protocol, "{}", problem.what());
  }
  return out;
}

}  // namespace hlid::fake_rke2
