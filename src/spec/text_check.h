#pragma once
#include <string>
#include <string_view>

#include "base/diagnostics.h"

namespace hlid::spec {

/// What must hold before the text is looked at as YAML: at most 1 MiB, UTF-8 without control characters, no
/// tab in an indentation. False when it does not; the reasons are in `diagnostics`.
bool check_text(std::string_view text, const std::string& file, Diagnostics& diagnostics);

/// The offset of the first byte that is not well-formed UTF-8 (RFC 3629, section 4); npos when all is.
std::size_t find_invalid_utf8(std::string_view text);

/// For messages: at most 60 characters on one line, "…" where it was cut.
std::string shortened(std::string_view text);

}  // namespace hlid::spec
