#include "base/version.h"

namespace hlid {

std::string_view version() {
  return HLID_VERSION;
}

}  // namespace hlid
