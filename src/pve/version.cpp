#include "pve/version.h"

#include "pve/read.h"

namespace hlid::pve {

Version version(const Session& session) {
  const auto data = session.get("/version");
  const auto& object = object_of(data, "the version");
  return {text_or(object, "version"), text_or(object, "release"), text_or(object, "repoid")};
}

}  // namespace hlid::pve
