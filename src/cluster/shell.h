#pragma once
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

/// Functions of POSIX sh that several scripts of this module share; each script that uses one begins with it
/// (after its name: the first line of every script is "# hlid:<name>").
namespace hlid::cluster {

/// web CA TOKEN [LABEL URL]...
/// GETs each URL and prints its body, then "\n@@ LABEL STATUS\n"; STATUS 000: no answer within 5 s. CA: file
/// of the authority, empty: any certificate will do. TOKEN: file "K10<hash>::<user>:<password>" whose last
/// part is sent as basic authentication over https, empty: none. One process for all: starting one takes a
/// tenth of a second under emulation. curl(1) where there is one; otherwise python3, which cloud-init needs,
/// so that it is there.
extern const std::string_view kShellWeb;

/// kube ARGUMENTS: kubectl as the administrator with a short timeout; the variables kubectl and kubeconfig
/// are set. slim: a filter that leaves the lists of images out of Nodes, which are most of their text.
extern const std::string_view kShellKube;

/// units UNIT...: a line "unit UNIT <enabled|…> <ActiveState> <SubState> <MainPID>" for each; "-" for what
/// systemd does not know.
extern const std::string_view kShellUnits;

struct WebAnswer {
  bool ok = false;  ///< status 200
  std::string body;
};
/// What web printed, by label.
std::map<std::string, WebAnswer> parse_web(std::string_view output);
/// A report apart: what is before a line "web" and what web printed after it.
std::pair<std::string_view, std::string_view> split_web(std::string_view report);

/// "# hlid:<name>", the functions, the body.
std::string script(std::string_view name, std::initializer_list<std::string_view> parts);

}  // namespace hlid::cluster
