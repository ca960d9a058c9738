#include "cluster/channel.h"

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "net/download.h"
#include "sys/files.h"

namespace hlid::cluster {
namespace {

namespace fs = std::filesystem;

std::string key_of(const Traits& traits, const std::string& channel) {
  return std::string(traits.name) + " " + channel;
}

json::object read_memory(const fs::path& file) {
  try {
    if (const auto text = sys::read_file_if_exists(file)) return parse_json(*text).as_object();
  } catch (const std::exception&) {  // it is asked for again
  }
  return {};
}

/// ".../releases/tag/v1.34.1%2Brke2r1"
std::optional<Version> version_in(const std::string& location) {
  const auto path = location.substr(0, location.find_first_of("?#"));
  return Version::parse(percent_decode(path.substr(path.rfind('/') + 1)));
}

Version ask(const Traits& traits, const std::string& channel, const ReleaseAccess& access) {
  const auto base = access.channels.empty() ? std::string(traits.channels) : access.channels;
  require_safe_source(base);
  const net::HttpRequest request{.url = base + "/" + percent_encode(channel),
                                 .timeout = std::chrono::seconds(20)};
  const auto answer = access.http.send(request, access.stop);
  const auto location = net::find_header(answer.headers, "Location").value_or("");
  const auto version = answer.status / 100 == 3 ? version_in(location) : std::nullopt;
  if (!version || version->distribution != traits.name)
    throw Error(Errc::protocol, "'{}' answered {} {} and names no release of {}", request.url, answer.status,
                answer.reason, traits.name);
  return *version;
}

}  // namespace

std::string require_safe_source(const std::string& url) {
  const auto scheme = url.find("://");
  const auto origin = url.substr(0, url.find('/', scheme == std::string::npos ? 0 : scheme + 3));
  const bool local = origin.rfind("http://127.0.0.1", 0) == 0 || origin.rfind("http://localhost", 0) == 0;
  if (to_lower(origin.substr(0, 8)) != "https://" && !local)
    throw Error(Errc::spec, "releases are fetched by https only, not from '{}'", url);
  return origin;
}

Version channel_version(const Traits& traits, const std::string& channel, const ReleaseAccess& access) {
  const auto file = access.cache / "channels.json";
  auto memory = read_memory(file);
  const auto key = key_of(traits, channel);
  try {
    const auto version = ask(traits, channel, access);
    if (get_string(memory, key) != version.text()) {
      memory[key] = version.text();
      sys::make_folder(access.cache);
      sys::write_durable(file, to_pretty_text(memory));
    }
    return version;
  } catch (const Error& error) {
    if (error.code() == Errc::interrupted || error.code() == Errc::spec) throw;
    if (const auto version = Version::parse(get_string(memory, key).value_or(""))) return *version;
    throw Error(Errc::precondition,
                "release-not-reached: which release the channel '{}' is cannot be asked: {}", channel,
                error.what())
        .with_hint(
            "write a release into cluster.version, and if this host reaches no internet, a folder with "
            "its files into cluster.artifacts");
  }
}

}  // namespace hlid::cluster
