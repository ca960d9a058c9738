// Property strings, sizes, volume ids and UPIDs: what is accepted prints and reads back as the same.
#include <string>

#include "base/error.h"
#include "law.h"
#include "wire/property_string.h"
#include "wire/size.h"
#include "wire/upid.h"
#include "wire/volume_id.h"

namespace {

void property_string(std::string_view text, std::string_view default_key) {
  try {
    const auto first = hlid::wire::PropertyString::parse(text, default_key);
    const auto again = hlid::wire::PropertyString::parse(first.print(default_key), default_key);
    LAW(again.items().size() == first.items().size());
    for (const auto& [key, value] : first.items()) LAW(again.get(key) == value);
  } catch (const hlid::Error& error) {
    LAW(error.code() == hlid::Errc::usage);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto text = as_text(data, size);
  property_string(text, {});
  property_string(text, "file");
  if (const auto bytes = hlid::wire::parse_size(text))
    LAW(hlid::wire::parse_size(hlid::wire::print_size(*bytes)) == bytes);
  if (const auto volume = hlid::wire::parse_volume_id(text))
    LAW(hlid::wire::parse_volume_id(to_string(*volume)) == volume);
  if (const auto upid = hlid::wire::parse_upid(text)) LAW(hlid::wire::parse_upid(to_string(*upid)) == upid);
  return 0;
}
