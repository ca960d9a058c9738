#include "cluster/neighbours.h"

#include <chrono>

#include "base/text.h"
#include "cluster/shell.h"
#include "cluster/traits.h"
#include "sys/hash.h"

namespace hlid::cluster {
namespace {

// Any certificate will do: it is the CA itself that is asked for, and only compared.
constexpr std::string_view kNeighbours = R"sh(
web "" "" "$@"
)sh";

}  // namespace

std::map<Ipv4, std::string> neighbours(const Site& site, Guest& guest, const std::vector<Ipv4>& addresses) {
  static const std::string text = script("neighbours", {kShellWeb, kNeighbours});
  const int port = traits_of(site.wanted().distribution).supervisor_port;
  std::vector<std::string> arguments;
  for (const auto address : addresses) {
    arguments.push_back(to_string(address));
    arguments.push_back(fmt::format("https://{}:{}/cacerts", to_string(address), port));
  }
  const auto ran = guest.run(text, arguments,
                             std::chrono::duration_cast<std::chrono::milliseconds>(
                                 std::chrono::seconds(20 + 6 * addresses.size()) * site.patience));
  std::map<Ipv4, std::string> answering;
  for (const auto& [label, answer] : parse_web(ran.output))
    if (const auto address = parse_ipv4(label); address && answer.ok)
      answering[*address] = sys::sha256_hex(answer.body);
  return answering;
}

}  // namespace hlid::cluster
