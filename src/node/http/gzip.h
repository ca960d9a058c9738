#pragma once
#include <string>
#include <string_view>

namespace hlid::node::http {

/// RFC 1952, at zlib's fastest level: JSON lists shrink to a tenth, and time is what they are asked for.
std::string gzip(std::string_view bytes);

}  // namespace hlid::node::http
