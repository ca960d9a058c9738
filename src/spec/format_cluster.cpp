// How the texts must look that end up in Kubernetes and in the distribution's configuration.
#include <algorithm>

#include <fmt/format.h>

#include "base/ip.h"
#include "base/text.h"
#include "spec/format.h"
#include "spec/text_check.h"

namespace hlid::spec {
namespace {

constexpr std::string_view kAlphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool is_alphanumeric(char c) {
  return kAlphanumeric.find(c) != std::string_view::npos;
}

/// The part of a label key after the prefix; also a label value that is not empty.
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 63 && is_alphanumeric(text.front()) &&
         is_alphanumeric(text.back()) && std::all_of(text.begin(), text.end(), [](char c) {
           return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
         });
}

bool is_label_key(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return is_name(text);
  return !format::kDomain.check(text.substr(0, slash)) && is_name(text.substr(slash + 1));
}

Fault is_no(std::string_view text, std::string_view what, std::string hint) {
  return {fmt::format("'{}' is no {}", shortened(text), what), std::move(hint)};
}

constexpr const char* kKeyHint =
    "1 to 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends; a DNS name and '/' may "
    "stand before it";

std::optional<Fault> check_label_key(std::string_view text) {
  if (is_label_key(text)) return std::nullopt;
  return is_no(text, "label key", kKeyHint);
}

std::optional<Fault> check_label_value(std::string_view text) {
  if (text.empty() || is_name(text)) return std::nullopt;
  return is_no(text, "label value",
               "at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends");
}

std::optional<Fault> check_taint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return is_no(text, "taint", "key=value:Effect or key:Effect: dedicated=db:NoSchedule");
  const std::string effect(text.substr(colon + 1));
  const std::vector<std::string> effects{"NoSchedule", "PreferNoSchedule", "NoExecute"};
  if (std::find(effects.begin(), effects.end(), effect) == effects.end()) {
    const auto near = suggest(effect, effects);
    return Fault{fmt::format("'{}' is no effect of a taint", shortened(effect)),
                 near.empty() ? fmt::format("one of {}", join(effects, ", "))
                              : fmt::format("did you mean '{}'?", near)};
  }
  const auto head = text.substr(0, colon);
  const auto equals = std::min(head.find('='), head.size());
  if (!is_label_key(head.substr(0, equals))) return is_no(head.substr(0, equals), "taint key", kKeyHint);
  if (equals == head.size()) return std::nullopt;
  const auto value = head.substr(equals + 1);
  return value.empty() ? std::nullopt : check_label_value(value);
}

std::optional<Fault> check_server_name(std::string_view text) {
  const bool numeric = text.find_first_not_of("0123456789.") == std::string_view::npos;
  if (numeric ? parse_ipv4(text).has_value() : !format::kDomain.check(text)) return std::nullopt;
  return is_no(text, "DNS name or IPv4 address", "k8s.example.org or 10.10.10.100");
}

std::optional<Fault> check_option_key(std::string_view text) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  if (!text.empty() && text.size() <= 64 && text.front() >= 'a' && text.front() <= 'z' &&
      text.back() != '-' && std::all_of(text.begin(), text.end(), good))
    return std::nullopt;
  return is_no(text, "configuration key", "a flag of the distribution without its dashes: kubelet-arg");
}

}  // namespace

namespace format {

#define HLID_LABEL "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
#define HLID_DOMAIN HLID_LABEL "(\\." HLID_LABEL ")*"
#define HLID_NAME "[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
#define HLID_KEY "(" HLID_DOMAIN "/)?" HLID_NAME
#define HLID_OCTET "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"

const Format kLabelKey{"label key", "[DNS name/]name", "^" HLID_KEY "$", check_label_key};
const Format kLabelValue{"label value", "at most 63 letters, digits, '-', '_', '.'", "^(" HLID_NAME ")?$",
                         check_label_value};
const Format kTaint{"taint", "key[=value]:NoSchedule, PreferNoSchedule or NoExecute",
                    "^" HLID_KEY "(=(" HLID_NAME ")?)?:(NoSchedule|PreferNoSchedule|NoExecute)$",
                    check_taint};
const Format kServerName{"server name", "DNS name or IPv4 address",
                         "^((" HLID_OCTET "\\.){3}" HLID_OCTET "|(?![0-9.]+$)" HLID_DOMAIN ")$",
                         check_server_name};
const Format kOptionKey{"configuration key", "a flag without its dashes", "^[a-z]([a-z0-9-]{0,62}[a-z0-9])?$",
                        check_option_key};

#undef HLID_LABEL
#undef HLID_DOMAIN
#undef HLID_NAME
#undef HLID_KEY
#undef HLID_OCTET

}  // namespace format

}  // namespace hlid::spec
