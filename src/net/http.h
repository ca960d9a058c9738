#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hlid::net {

/// Header fields in the order of the wire; names are compared without case.
using Headers = std::vector<std::pair<std::string, std::string>>;

std::optional<std::string> find_header(const Headers& headers, std::string_view name);

struct HttpResponse {
  int status = 0;
  std::string reason;  ///< the phrase of the status line; Proxmox puts its error text there
  Headers headers;
  std::string body;
};

using Form = std::vector<std::pair<std::string, std::string>>;
/// application/x-www-form-urlencoded; ';' is always encoded (Proxmox splits at it).
std::string encode_form(const Form& form);
/// Splits at '&' and ';' and decodes; keeps order and duplicates.
Form decode_form(std::string_view text);

/// The raw value of one cookie of a Cookie header ("a=1; b=2"); the first one wins.
std::optional<std::string> find_cookie(std::string_view cookies, std::string_view name);

}  // namespace hlid::net
