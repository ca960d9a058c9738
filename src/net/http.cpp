#include "net/http.h"

#include "base/text.h"

namespace hlid::net {

std::optional<std::string> find_header(const Headers& headers, std::string_view name) {
  const auto wanted = to_lower(name);
  for (const auto& [key, value] : headers)
    if (to_lower(key) == wanted) return value;
  return std::nullopt;
}

std::string encode_form(const Form& form) {
  std::string out;
  for (const auto& [key, value] : form) {
    if (!out.empty()) out += '&';
    out += percent_encode(key) + '=' + percent_encode(value);
  }
  return out;
}

Form decode_form(std::string_view text) {
  Form form;
  for (const auto& part : split_list(text, "&;")) {
    const auto equals = part.find('=');
    const auto key = percent_decode(part.substr(0, equals), true);
    const auto value =
        equals == std::string::npos ? std::string() : percent_decode(part.substr(equals + 1), true);
    form.emplace_back(key, value);
  }
  return form;
}

}  // namespace hlid::net
