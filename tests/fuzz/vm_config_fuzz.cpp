// Machine configuration files: whatever is in one, printing what was read and reading it again changes
// nothing.
#include <string>

#include "law.h"
#include "node/config/vm_config.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace hlid::node::config;
  const auto text = as_text(data, size);
  const std::string once = print_vm_config(parse_vm_config(text));
  LAW(print_vm_config(parse_vm_config(once)) == once);
  LAW(decode_comment(encode_comment(text)) == text);
  return 0;
}
