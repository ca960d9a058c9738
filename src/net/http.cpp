#include "net/http.h"

#include <algorithm>

#include "base/text.h"

namespace hlid::net {

std::optional<std::string> find_header(const Headers& headers, std::string_view name) {
  const auto same = [](char a, char b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return lower(a) == lower(b);
  };
  for (const auto& [key, value] : headers)
    if (key.size() == name.size() && std::equal(key.begin(), key.end(), name.begin(), same)) return value;
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

std::optional<std::string> find_cookie(std::string_view cookies, std::string_view name) {
  for (const auto& part : split_list(cookies, ";")) {
    const auto pair = trim(part);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos && trim(pair.substr(0, equals)) == name)
      return std::string(trim(pair.substr(equals + 1)));
  }
  return std::nullopt;
}

}  // namespace hlid::net
