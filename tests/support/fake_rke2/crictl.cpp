#include "support/fake_rke2/crictl.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <regex>

#include <fmt/format.h>

#include "base/text.h"
#include "support/fake_rke2/containers.h"
#include "support/fake_rke2/images.h"
#include "sys/files.h"
#include "sys/hash.h"

namespace hlid::fake_rke2 {
namespace {

std::string id_of(const std::string& name) {
  return sys::sha256_hex(name).substr(0, 13);
}

/// The value of a flag; empty: it is not given.
std::string flag(const std::vector<std::string>& arguments, const std::string& name) {
  const auto found = std::ranges::find(arguments, name);
  return found == arguments.end() || found + 1 == arguments.end() ? "" : *(found + 1);
}

/// `ps -q --name REGEX`: the ids alone.
void print_ids(const std::string& name) {
  for (const auto& container : containers::list())
    if (name.empty() || std::regex_search(container, std::regex(name))) std::puts(id_of(container).c_str());
}

/// `exec ID PROGRAM…`: what is in a container of ours is the machine's own program.
int exec_in(const std::vector<std::string>& words) {
  if (words.size() < 2 ||
      std::ranges::none_of(containers::list(), [&](const auto& name) { return id_of(name) == words[0]; })) {
    std::fputs("FATA[0000] execing command in container: container not found\n", stderr);
    return 1;
  }
  std::vector<std::string> program(words.begin() + 1, words.end());
  std::vector<char*> argv;
  for (auto& word : program) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::setenv("ETCDCTL_API", "3", 1);  // NOLINT(concurrency-mt-unsafe): one thread; newer ones have no other
  ::execvp(argv[0], argv.data());
  std::fputs((program[0] + ": executable file not found in $PATH\n").c_str(), stderr);
  return 127;
}

void print_containers() {
  std::puts(
      "CONTAINER           IMAGE               CREATED             STATE               NAME                "
      "ATTEMPT             POD ID");
  for (const auto& id : containers::list())
    std::puts(fmt::format("{:<20}{:<20}{:<20}{:<20}{:<20}{:<20}{}", id_of(id),
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
    return word == "ps" || word == "images" || word == "img" || word == "rmi" || word == "logs" ||
           word == "exec";
  });
  if (verb == arguments.end()) {
    std::fputs("NAME:\n   crictl - client for CRI\n", stderr);
    return 1;
  }
  if (*verb == "exec") return exec_in({verb + 1, arguments.end()});
  const bool quiet = std::ranges::find(arguments, "-q") != arguments.end();
  if (*verb == "ps" && quiet)
    print_ids(flag(arguments, "--name"));
  else if (*verb == "ps")
    print_containers();
  if (*verb == "images" || *verb == "img") print_images();
  if (*verb == "logs" && verb + 1 != arguments.end())
    for (const auto& id : containers::list())
      if (sys::sha256_hex(id).starts_with(*(verb + 1)))
        std::fputs(sys::read_file_if_exists(containers::log_of(id)).value_or("").c_str(), stdout);
  return 0;
}

}  // namespace hlid::fake_rke2
