// storage.cfg and user.cfg: as vm_config_fuzz.cpp.
#include <string>

#include "law.h"
#include "node/config/section_file.h"
#include "node/config/user_cfg.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace hlid::node::config;
  const auto text = as_text(data, size);
  const std::string sections = print_section_file(parse_section_file(text));
  LAW(print_section_file(parse_section_file(sections)) == sections);
  const std::string users = print_user_cfg(parse_user_cfg(text));
  LAW(print_user_cfg(parse_user_cfg(users)) == users);
  return 0;
}
