#include "model/disruption.h"

namespace hlid::model {

std::string_view to_string(Disruption disruption) {
  switch (disruption) {
    case Disruption::none:
      return "none";
    case Disruption::live:
      return "live";
    case Disruption::reboot:
      return "reboot";
    case Disruption::replace:
      return "replace";
    case Disruption::destroy:
      return "destroy";
  }
  return "unknown";
}

}  // namespace hlid::model
