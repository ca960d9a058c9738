#include "spec/format.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "base/error.h"
#include "base/ip.h"
#include "base/text.h"
#include "spec/text_check.h"
#include "spec/time_zones.h"

namespace hlid::spec {
namespace {

constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view kDigits = "0123456789";

bool is_one_of(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}
bool is_lower(char c) {
  return is_one_of(c, kLower);
}
bool is_digit(char c) {
  return is_one_of(c, kDigits);
}
bool is_letter(char c) {
  return is_lower(c) || is_one_of(c, kUpper);
}

/// All of `text` from lower-case letters, digits and `more`.
bool only(std::string_view text, std::string_view more) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_lower(c) || is_digit(c) || is_one_of(c, more); });
}

bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= 63 && only(text, "-") && text.front() != '-' && text.back() != '-';
}

Fault is_no(std::string_view text, std::string_view what, std::string hint) {
  return {fmt::format("'{}' is no {}", shortened(text), what), std::move(hint)};
}

/// The label nearest to a text, for hints: "My_Lab" → "my-lab".
std::string as_label(std::string_view text) {
  std::string out;
  for (const char c : to_lower(text)) out += only({&c, 1}, "") ? c : '-';
  while (!out.empty() && out.front() == '-') out.erase(0, 1);
  out = out.substr(0, 63);
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out;
}

std::optional<Fault> check_label(std::string_view text) {
  if (is_label(text)) return std::nullopt;
  const auto near = as_label(text);
  return is_no(text, "DNS label",
               near.empty() || text.size() > 63 ? "1 to 63 of a-z, 0-9 and '-', not at the ends"
                                                : fmt::format("'{}' would be one", near));
}

std::optional<Fault> check_domain(std::string_view text) {
  const auto labels = split(text, '.');
  if (text.size() <= 253 &&
      std::all_of(labels.begin(), labels.end(), [](const auto& label) { return is_label(label); }))
    return std::nullopt;
  return is_no(text, "DNS name", "labels of a-z, 0-9 and '-' with dots between: lab.example.org");
}

std::optional<Fault> check_storage(std::string_view text) {
  const auto inner = [](char c) { return is_letter(c) || is_digit(c) || is_one_of(c, "-_."); };
  const bool good = text.size() >= 2 && text.size() <= 100 && is_letter(text.front()) &&
                    std::all_of(text.begin(), text.end(), inner) &&
                    (is_letter(text.back()) || is_digit(text.back()));
  if (good) return std::nullopt;
  return is_no(text, "storage id", "a letter, then letters, digits, '-', '_' or '.': local-zfs");
}

std::optional<Fault> check_bridge(std::string_view text) {
  const auto inner = [](char c) { return is_letter(c) || is_digit(c) || is_one_of(c, "_"); };
  if (!text.empty() && text.size() <= 10 && is_letter(text.front()) &&
      std::all_of(text.begin(), text.end(), inner))
    return std::nullopt;
  return is_no(text, "bridge", "at most 10 letters and digits, like vmbr0");
}

bool is_host_and_port(std::string_view text) {
  const auto colon = text.find(':');
  const auto host = text.substr(0, colon);
  if (host.empty() || check_domain(to_lower(host))) return false;
  if (colon == std::string_view::npos) return true;
  const auto port = text.substr(colon + 1);
  return !port.empty() && port.size() <= 5 && std::all_of(port.begin(), port.end(), is_digit) &&
         std::stoi(std::string(port)) >= 1 && std::stoi(std::string(port)) <= 65535;
}

std::optional<Fault> check_endpoint(std::string_view text) {
  if (text.substr(0, 7) == "http://") return is_no(text, "endpoint", "TLS is always used: https://");
  auto rest = text;
  if (rest.substr(0, 8) != "https://") return is_no(text, "endpoint", "write https://HOST:8006");
  rest.remove_prefix(8);
  if (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
  if (!is_host_and_port(rest))
    return is_no(text, "endpoint", "write https://HOST:8006, without a path or a user");
  return std::nullopt;
}

std::optional<Fault> check_mirror(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (text.substr(0, scheme.size()) != scheme) continue;
    const auto rest = text.substr(scheme.size());
    const auto slash = std::min(rest.find('/'), rest.size());
    const bool plain = std::all_of(rest.begin(), rest.end(), [](char c) {
      return is_letter(c) || is_digit(c) || is_one_of(c, "-._~/:%+");
    });
    if (plain && is_host_and_port(rest.substr(0, slash))) return std::nullopt;
  }
  return is_no(text, "mirror", "the address of a package archive: http://HOST/PATH");
}

std::optional<Fault> check_fingerprint(std::string_view text) {
  const auto pairs = split(text, ':');
  const auto is_pair = [](const std::string& pair) {
    return pair.size() == 2 && std::isxdigit(static_cast<unsigned char>(pair[0])) != 0 &&
           std::isxdigit(static_cast<unsigned char>(pair[1])) != 0;
  };
  if (pairs.size() == 32 && std::all_of(pairs.begin(), pairs.end(), is_pair)) return std::nullopt;
  return is_no(text, "SHA-256 fingerprint",
               "32 pairs of hexadecimal digits, as 'pvenode cert info' shows them");
}

bool is_variable(std::string_view text) {
  const auto inner = [](char c) { return is_letter(c) || is_digit(c) || c == '_'; };
  return !text.empty() && !is_digit(text.front()) && std::all_of(text.begin(), text.end(), inner);
}

std::optional<Fault> check_secret(std::string_view text) {
  const auto colon = text.find(':');
  const auto kind = text.substr(0, colon);
  const auto rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (kind == "env") {
    if (is_variable(rest)) return std::nullopt;
    return Fault{"'env:' needs the name of an environment variable",
                 "letters, digits and '_': env:PROXMOX_TOKEN"};
  }
  if (kind == "file" || kind == "cmd") {
    if (!trim(rest).empty()) return std::nullopt;
    return Fault{fmt::format("'{}:' names nothing", kind),
                 kind == "file" ? "file:~/.config/hlid/token" : "cmd:pass show proxmox"};
  }
  return Fault{"a secret must not be written in the file", "refer to it: env:NAME, file:PATH or cmd:COMMAND"};
}

std::optional<Fault> check_path(std::string_view text) {
  const bool good =
      !text.empty() && (text.front() == '/' || text.substr(0, 2) == "~/" || text.substr(0, 2) == "./");
  if (good) return std::nullopt;
  return is_no(text, "path", "start it with '/', '~/' or './'");
}

std::optional<Fault> check_image(std::string_view text) {
  return check_path(text.substr(0, 5) == "file:" ? text.substr(5) : text);
}

std::optional<Fault> check_ipv4(std::string_view text) {
  if (parse_ipv4(text)) return std::nullopt;
  if (contains(text, "/")) return is_no(text, "address", "without the prefix: it comes from network.cidr");
  return is_no(text, "IPv4 address", "four numbers of 0 to 255: 10.10.10.101");
}

std::optional<Fault> check_network(std::string_view text) {
  const auto cidr = parse_cidr(text);
  if (!cidr) return is_no(text, "network", "an address and a prefix: 10.10.10.0/24");
  if (cidr->prefix < 8 || cidr->prefix > 30)
    return Fault{fmt::format("prefix /{} is not usable", cidr->prefix),
                 "between /8 and /30; /24 has room for 253 machines"};
  if (cidr->address == cidr->network()) return std::nullopt;
  return Fault{fmt::format("'{}' is an address within a network", text),
               fmt::format("write {}", to_string(Cidr{cidr->network(), cidr->prefix}))};
}

std::optional<Fault> check_locale(std::string_view text) {
  if (text == "C.UTF-8") return std::nullopt;
  const auto dot = text.find('.');
  const auto head = text.substr(0, dot);
  const auto mark = head.find('_');
  const auto language = head.substr(0, mark);
  const auto country = mark == std::string_view::npos ? std::string_view() : head.substr(mark + 1);
  const bool named = (language.size() == 2 || language.size() == 3) &&
                     std::all_of(language.begin(), language.end(), is_lower) && country.size() == 2 &&
                     std::all_of(country.begin(), country.end(), [](char c) { return is_one_of(c, kUpper); });
  if (!named) return is_no(text, "locale", "language_COUNTRY.UTF-8: fr_FR.UTF-8");
  if (dot != std::string_view::npos && text.substr(dot) == ".UTF-8") return std::nullopt;
  return is_no(text, "UTF-8 locale", fmt::format("write {}.UTF-8", head));
}

std::optional<Fault> check_keyboard(std::string_view text) {
  if (text.size() >= 2 && text.size() <= 8 && std::all_of(text.begin(), text.end(), is_lower))
    return std::nullopt;
  return is_no(text, "keyboard layout", "the short name of an XKB layout: fr, us, de");
}

std::optional<Fault> check_time_zone(std::string_view text) {
  if (is_time_zone(text)) return std::nullopt;
  const auto near = suggest(text, time_zones());
  return is_no(
      text, "time zone",
      near.empty() ? "Area/City of the tz database: Europe/Paris" : fmt::format("did you mean '{}'?", near));
}

std::optional<Fault> check_package(std::string_view text) {
  if (text.size() >= 2 && text.size() <= 100 && only(text, "+-.") &&
      (is_lower(text.front()) || is_digit(text.front())))
    return std::nullopt;
  return is_no(text, "package name", "at least two of a-z, 0-9, '+', '-' and '.'");
}

std::optional<Fault> check_user(std::string_view text) {
  if (text == "root")
    return Fault{"root cannot log in to the machines",
                 "name an ordinary user; it gets sudo without password"};
  const bool good = !text.empty() && text.size() <= 32 && only(text, "_-") &&
                    (is_lower(text.front()) || text.front() == '_');
  if (good) return std::nullopt;
  return is_no(text, "user name", "a lower-case letter or '_', then a-z, 0-9, '_' and '-', at most 32");
}

std::optional<Fault> check_key_entry(std::string_view text) {
  if (text.substr(0, 5) != "file:") return check_public_key(text);
  return check_path(text.substr(5))
             ? std::optional<Fault>(Fault{"'file:' needs a path", "file:~/.ssh/id_ed25519.pub"})
             : std::nullopt;
}

std::optional<Fault> check_tag(std::string_view text) {
  if (text == "hlid") return Fault{"tag 'hlid' is set by hlid itself", "leave it out"};
  const bool good = !text.empty() && text.size() <= 64 && only(text, "_-+.") &&
                    (is_lower(text.front()) || is_digit(text.front()) || text.front() == '_');
  if (good) return std::nullopt;
  return is_no(text, "tag", "a-z, 0-9 and '_', then also '-', '+' and '.'");
}

/// "1.34.1": three numbers.
bool is_triple(std::string_view text) {
  const auto parts = split(text, '.');
  return parts.size() == 3 && std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
           return !part.empty() && part.size() <= 3 && std::all_of(part.begin(), part.end(), is_digit);
         });
}

std::optional<Fault> check_version(std::string_view text) {
  const auto plus = text.find('+');
  const auto build = plus == std::string_view::npos ? std::string_view() : text.substr(plus + 1);
  const std::size_t named = build.substr(0, 5) == "rke2r" ? 5 : build.substr(0, 3) == "k3s" ? 3 : 0;
  const auto number = build.substr(named);
  const bool good = !text.empty() && text.front() == 'v' && plus != std::string_view::npos &&
                    is_triple(text.substr(1, plus - 1)) && named != 0 && !number.empty() &&
                    number.size() <= 3 && std::all_of(number.begin(), number.end(), is_digit);
  if (good) return std::nullopt;
  return is_no(text, "release", "as the release is called: v1.34.1+rke2r1 or v1.34.1+k3s1");
}

std::optional<Fault> check_channel(std::string_view text) {
  if (text == "stable" || text == "latest" || text == "testing") return std::nullopt;
  const auto parts = split(text.substr(std::min<std::size_t>(1, text.size())), '.');
  const bool minor =
      !text.empty() && text.front() == 'v' && parts.size() == 2 &&
      std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
        return !part.empty() && part.size() <= 3 && std::all_of(part.begin(), part.end(), is_digit);
      });
  if (minor) return std::nullopt;
  return is_no(text, "channel", "stable, latest, testing or a minor release like v1.34");
}

std::optional<Fault> check_schedule(std::string_view text) {
  const bool shaped = text.size() == 5 && text[2] == ':' && is_digit(text[0]) && is_digit(text[1]) &&
                      is_digit(text[3]) && is_digit(text[4]);
  if (shaped && text.substr(0, 2) <= "23" && text.substr(3) <= "59") return std::nullopt;
  return is_no(text, "time of day", "\"HH:MM\" from \"00:00\" to \"23:59\"");
}

std::optional<Fault> check_target(std::string_view text) {
  const bool numbers = text.find_first_not_of("0123456789.") == std::string_view::npos;
  if (numbers && contains(text, ".")) return check_ipv4(text);
  if (is_label(text)) return std::nullopt;
  return is_no(text, "group, machine or address", "vip, worker, worker-1 or 10.10.10.111");
}

std::optional<Fault> accept(std::string_view text) {
  if (!trim(text).empty()) return std::nullopt;
  return Fault{"is empty", "give a value or leave the line out"};
}

}  // namespace

namespace format {

#define HLID_LABEL "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"

const Format kAny{"text", "", "", accept};
const Format kLabel{"DNS label", "1 to 63 of a-z, 0-9 and '-', not at the ends", "^" HLID_LABEL "$",
                    check_label};
const Format kDomain{"DNS name", "DNS labels with dots between", "^" HLID_LABEL "(\\." HLID_LABEL ")*$",
                     check_domain};
const Format kNode{"node name", "a DNS label", "^" HLID_LABEL "$", check_label};
const Format kStorage{"storage id", "a letter, then letters, digits, '-', '_', '.'",
                      "^[A-Za-z][A-Za-z0-9_.-]{0,98}[A-Za-z0-9]$", check_storage};
const Format kBridge{"bridge", "at most 10 letters, digits and '_'", "^[A-Za-z][A-Za-z0-9_]{0,9}$",
                     check_bridge};
const Format kEndpoint{"URL", "https://HOST[:PORT]", "^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?$",
                       check_endpoint};
const Format kMirror{"URL", "http:// or https://",
                     "^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/:%+-]*)?$", check_mirror};
const Format kFingerprint{"SHA-256 fingerprint", "32 pairs of hexadecimal digits with ':' between",
                          "^([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$", check_fingerprint};
const Format kSecret{"secret", "a reference: env:NAME, file:PATH or cmd:COMMAND",
                     "^(env:[A-Za-z_][A-Za-z0-9_]*|(file|cmd):.*\\S.*)$", check_secret};
const Format kPath{"path", "begins with '/', '~/' or './'", "^(/|~/|\\./)", check_path};
const Format kImage{"path", "begins with '/', '~/' or './'; 'file:' may stand before it",
                    "^(file:)?(/|~/|\\./)", check_image};
const Format kIpv4{"IPv4 address", "", "^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\\.(?=.)|$)){4}$",
                   check_ipv4};
const Format kNetwork{"network", "IPv4 network with a prefix of /8 to /30",
                      "^([0-9]{1,3}\\.){3}[0-9]{1,3}/([89]|[12][0-9]|30)$", check_network};
const Format kLocale{"locale", "language_COUNTRY.UTF-8 or C.UTF-8", "^(C|[a-z]{2,3}_[A-Z]{2})\\.UTF-8$",
                     check_locale};
const Format kKeyboard{"keyboard layout", "an XKB layout", "^[a-z]{2,8}$", check_keyboard};
const Format kTimeZone{"time zone", "a zone of the tz database", "^[A-Za-z0-9_+/-]+$", check_time_zone};
const Format kPackage{"package", "a Debian package name", "^[a-z0-9][a-z0-9+.-]{1,99}$", check_package};
const Format kUser{"user name", "not root", "^(?!root$)[a-z_][a-z0-9_-]{0,31}$", check_user};
const Format kPublicKey{"public key", "file:PATH or a whole OpenSSH public key line",
                        "^(file:(/|~/|\\./)|ssh-|ecdsa-|sk-)", check_key_entry};
const Format kTarget{"name or address", "vip, a group, a machine, or an address of the network",
                     "^(" HLID_LABEL "|((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\\.(?=.)|$)){4})$",
                     check_target};
const Format kTag{"tag", "a-z, 0-9, '_', then also '-', '+', '.'; not 'hlid' or the lab's name",
                  "^(?!hlid$)[a-z0-9_][a-z0-9_+.-]{0,63}$", check_tag};
const Format kVersion{"release", "v1.34.1+rke2r1 or v1.34.1+k3s1",
                      "^v[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\+(rke2r|k3s)[0-9]{1,3}$", check_version};
const Format kChannel{"channel", "stable, latest, testing or v1.34",
                      "^(stable|latest|testing|v[0-9]{1,3}\\.[0-9]{1,3})$", check_channel};
const Format kSchedule{"time of day", "HH:MM", "^([01][0-9]|2[0-3]):[0-5][0-9]$", check_schedule};

#undef HLID_LABEL

}  // namespace format

std::optional<Fault> check_public_key(std::string_view line) {
  static constexpr std::string_view kTypes[] = {"ssh-ed25519",
                                                "ssh-rsa",
                                                "ecdsa-sha2-nistp256",
                                                "ecdsa-sha2-nistp384",
                                                "ecdsa-sha2-nistp521",
                                                "sk-ssh-ed25519@openssh.com",
                                                "sk-ecdsa-sha2-nistp256@openssh.com"};
  if (contains(line, "PRIVATE KEY"))
    return Fault{"this is a private key", "never give that away; the public one ends in .pub"};
  const auto words = split_list(line, " \t");
  const std::string type = words.empty() ? "" : words.front();
  if (std::find(std::begin(kTypes), std::end(kTypes), type) == std::end(kTypes))
    return Fault{fmt::format("'{}' is no public key", shortened(line)),
                 "a line like 'ssh-ed25519 AAAA… you@host', or file:PATH"};
  std::string blob;
  try {
    blob = words.size() > 1 ? base64_decode(words[1]) : "";
  } catch (const Error&) {
    blob.clear();
  }
  // RFC 4253, section 6.6: the blob begins with the length and the text of its type
  const std::string head = std::string(3, '\0') + static_cast<char>(type.size()) + type;
  if (blob.size() >= head.size() + 32 && blob.compare(0, head.size(), head) == 0) return std::nullopt;
  return Fault{fmt::format("the '{}' key is damaged or cut short", type),
               "copy the whole line of the .pub file"};
}

}  // namespace hlid::spec
