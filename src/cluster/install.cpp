#include "cluster/install.h"

#include <map>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"

namespace hlid::cluster {
namespace {

using Answer = std::map<std::string, std::string>;

constexpr int kScriptFailed = 3;  ///< it says why

Answer parse_answer(std::string_view output) {
  Answer answer;
  for (const auto& line : split(output, '\n'))
    if (const auto equals = line.find('='); equals != std::string::npos)
      answer[line.substr(0, equals)] = line.substr(equals + 1);
  return answer;
}

std::string human(const std::string& bytes) {
  const auto parsed = parse_bytes(bytes);
  return parsed ? to_human(*parsed) : bytes + " bytes";
}

Error no_space(const std::string& machine, Answer& said) {
  return Error(Errc::precondition, "no-space: '{}' has no room for the release: '{}' needs {}, {} are free",
               machine, said["path"], human(said["needed"]), human(said["free"]))
      .with_hint("make the machine's disk larger in the file, then hlid up");
}

Error other_version(const std::string& machine, const std::string& found, const std::string& wanted) {
  return Error(Errc::precondition, "other-version: '{}' has {} installed, not {}", machine, found, wanted)
      .with_hint("hlid cluster upgrade takes the whole cluster from one release to another");
}

Error missing(const std::string& machine, Answer& said) {
  if (said["line"].empty())
    return Error(Errc::precondition, "missing: '{}' does not find '{}' on its disc", machine, said["file"])
        .with_hint("hlid up brings the disc anew; if it happens again, look at proxmox.iso_storage");
  return Error(Errc::precondition, "missing: on '{}' '{}' says nothing of '{}'", machine, said["line"],
               said["file"])
      .with_hint("get the file again, with the checksums of its release");
}

/// What the script says went wrong, as an error with what can be done.
Error explain(const std::string& machine, Answer said) {
  const auto kind = said["error"];
  if (kind == "no-space") return no_space(machine, said);
  if (kind == "other-version") return other_version(machine, said["found"], said["wanted"]);
  if (kind == "missing") return missing(machine, said);
  if (kind == "corrupt")
    return Error(Errc::precondition, "corrupt: on '{}' the digest of '{}' is {}, the release's is {}",
                 machine, said["file"], said["found"], said["wanted"])
        .with_hint("hlid up brings the file anew; if it happens again, the storage damages files");
  if (kind == "wrong-version")
    return Error(Errc::precondition, "wrong-version: the program in the release says it is {}, not {}",
                 said["found"].empty() ? "none" : said["found"], said["wanted"])
        .with_hint("the folder of cluster.artifacts holds another release than cluster.version");
  if (kind == "cannot-run")
    return Error(Errc::precondition, "cannot-run: the release's program does not run on '{}': {}", machine,
                 said["detail"])
        .with_hint("is the release for this processor, and may programs run from /usr/local? hlid ssh " +
                   machine);
  if (kind == "busy")
    return Error(Errc::conflict, "busy: another installation works on '{}'", machine)
        .with_hint("wait for it, then hlid up");
  return Error(Errc::precondition, "{}: installing on '{}' failed: {}", kind, machine, said["detail"])
      .with_hint("look at its disk: hlid ssh " + machine);
}

Answer run(Guest& guest, const std::vector<std::string>& arguments, std::chrono::milliseconds timeout) {
  const auto ran = guest.run(install_script(), arguments, timeout);
  auto said = parse_answer(ran.output);
  if (ran.status == kScriptFailed && said.count("error") != 0) throw explain(guest.name(), std::move(said));
  if (!ran.ok())
    throw Error(Errc::failed, "installing on '{}' ended with {}: {}", guest.name(), ran.status,
                trim(ran.error_output));
  return said;
}

std::chrono::milliseconds patient(int seconds, double patience) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000.0 * patience));
}

void require_may_replace(const std::string& machine, const std::string& before, const Version& wanted,
                         Replace replace) {
  if (before.empty() || before == wanted.text() || replace == Replace::any) return;
  const auto version = Version::parse(before);
  if (replace == Replace::nothing || !version) throw other_version(machine, before, wanted.text());
  with_context("on '" + machine + "'", [&] { require_move(*version, wanted); });
}

/// For people who look at the storage: "rke2-1.34.1".
std::string label_of(const ReleaseSet& release) {
  const auto& version = release.version;
  return fmt::format("{}-{}.{}.{}", version.distribution, version.major, version.minor, version.patch);
}

/// Takes the disc out again, whatever happened; what happened matters more than that.
class Disc {
 public:
  Disc(Guest& guest, const ReleaseSet& release, const std::function<void(const std::string&)>& phase)
      : guest_(guest), path_(guest.insert_disc(label_of(release), release.disc(), phase)) {}
  Disc(const Disc&) = delete;
  Disc& operator=(const Disc&) = delete;
  ~Disc() {
    if (inserted_) try {
        guest_.release_disc();
      } catch (const Error&) {  // the machine that failed may not answer either; the next disc replaces it
      }
  }
  const std::string& path() const { return path_; }
  void release() {
    inserted_ = false;
    guest_.release_disc();
  }

 private:
  Guest& guest_;
  std::string path_;
  bool inserted_ = true;
};

}  // namespace

std::vector<std::string> install_arguments(const ReleaseSet& release, std::string_view mode,
                                           std::string_view disc, std::string_view may_replace,
                                           std::string_view root) {
  const auto& traits = *release.traits;
  const auto prefix = traits.program.substr(0, traits.program.find("/bin/"));
  std::vector<std::string> arguments;
  for (const auto text : {mode, root, traits.name}) arguments.emplace_back(text);
  arguments.push_back(release.version.text());
  arguments.push_back(release.checksums_sha256);
  for (const auto text : {prefix, traits.data, may_replace, disc}) arguments.emplace_back(text);
  for (const auto& file : release.files) arguments.push_back(file.name);
  return arguments;
}

bool is_installed(Guest& guest, const ReleaseSet& release) {
  return run(guest, install_arguments(release, "look"), std::chrono::seconds(60))["complete"] == "yes";
}

Installed install(Guest& guest, const ReleaseSet& release, const InstallOptions& options) {
  options.phase("looking at what is installed");
  auto seen = run(guest, install_arguments(release, "look"), patient(60, options.patience));
  const auto before = seen["version"];
  if (seen["complete"] == "yes") return {false, before};
  require_may_replace(guest.name(), before, release.version, options.replace);
  Disc disc(guest, release, options.phase);
  options.phase("installing " + release.version.text());
  const auto said =
      run(guest, install_arguments(release, "place", disc.path(), before), patient(1800, options.patience));
  disc.release();
  return {said.at("changed") == "yes", before};
}

}  // namespace hlid::cluster
