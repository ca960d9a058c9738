#include "support/fake_rke2/crictl.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "base/text.h"
#include "support/fake_rke2/containers.h"
#include "support/fake_rke2/images.h"
#include "sys/files.h"
#include "sys/hash.h"

namespace hlid::fake_rke2 {
namespace {

void print_containers() {
  std::puts(
      "CONTAINER           IMAGE               CREATED             STATE               NAME                "
      "ATTEMPT             POD ID");
  for (const auto& id : containers::list())
    std::puts(fmt::format("{:<20}{:<20}{:<20}{:<20}{:<20}{:<20}{}", sys::sha256_hex(id).substr(0, 13),
                          sys::sha256_hex("i" + id).substr(0, 13), "1 minute ago", "Running", id, 0,
                          sys::sha256_hex("p" + id).substr(0, 13))
                  .c_str());
}

void print_images() {
  std::puts("IMAGE                                             TAG                 IMAGE ID            SIZE");
  for (const auto& image : imported_images()) {
    const auto colon = image.rfind(':');
    std::puts(fmt::format("docker.io/{:<40}{:<20}{:<20}1MB", image.substr(0, colon), image.substr(colon + 1),
                          sys::sha256_hex(image).substr(0, 13))
                  .c_str());
  }
}

}  // namespace

int crictl_main(const std::vector<std::string>& arguments) {
  const auto verb = std::ranges::find_if(arguments, [](const auto& word) {
    return word == "ps" || word == "images" || word == "img" || word == "rmi" || word == "logs";
  });
  if (verb == arguments.end()) {
    std::fputs("NAME:\n   crictl - client for CRI\n", stderr);
    return 1;
  }
  if (*verb == "ps") print_containers();
  if (*verb == "images" || *verb == "img") print_images();
  if (*verb == "logs" && verb + 1 != arguments.end())
    for (const auto& id : containers::list())
      if (sys::sha256_hex(id).starts_with(*(verb + 1)))
        std::fputs(sys::read_file_if_exists(containers::log_of(id)).value_or("").c_str(), stdout);
  return 0;
}

}  // namespace hlid::fake_rke2
