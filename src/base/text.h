#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace hlid {

std::vector<std::string> split(std::string_view text, char separator);
/// At any of `separators`, empty pieces left out (Proxmox lists: ",; ").
std::vector<std::string> split_list(std::string_view text, std::string_view separators);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
bool contains(std::string_view text, std::string_view part);
std::string replace_all(std::string text, std::string_view from, std::string_view to);

/// RFC 3986 percent-encoding: everything but unreserved characters.
std::string percent_encode(std::string_view text);
/// Invalid escapes stay as they are. With `plus_is_blank` as in forms.
std::string percent_decode(std::string_view text, bool plus_is_blank = false);

std::string base64_encode(std::string_view bytes);
/// Throws Error(protocol) for anything that is not base64.
std::string base64_decode(std::string_view text);
std::string hex_encode(std::string_view bytes);

/// The nearest of `candidates` for "did you mean", or "" when none is near.
std::string suggest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace hlid
