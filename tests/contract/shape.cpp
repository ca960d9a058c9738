#include "contract/shape.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include <algorithm>
#include <regex>
#include <set>

#include "base/text.h"

namespace hlid::test {
namespace {

const char* kind_of(const json::value& value) {
  if (value.is_number()) return "number";
  if (value.is_string()) return "string";
  if (value.is_bool()) return "bool";
  if (value.is_null()) return "null";
  return value.is_array() ? "array" : "object";
}

/// Numbers that depend on the host, the moment or the guest.
bool is_volatile_number(std::string_view key, const std::string& place) {
  static const std::set<std::string, std::less<>> anywhere = {
      "cpu",           "mem",          "uptime",     "disk",       "pid",       "pstart",      "starttime",
      "endtime",       "ctime",        "used",       "time",       "wait",      "total",       "avail",
      "free",          "netin",        "netout",     "diskread",   "diskwrite", "localtime",   "snaptime",
      "used_fraction", "idle_time_ns", "cpus",       "cores",      "sockets",   "bytes-read",  "rx-bytes",
      "tx-bytes",      "rx-packets",   "tx-packets", "rx-dropped", "priority",  "cgroup-mode", "user_hz"};
  if (key == "maxmem" || key == "maxdisk" || key == "maxcpu") {
    return place.find("/~node/") != std::string::npos || place.find("/~storage/") != std::string::npos;
  }
  // A machine's own cores, sockets and cpus are configuration.
  if (key == "cpus" || key == "cores" || key == "sockets") return place.find("cpuinfo") != std::string::npos;
  if (place == "/total") return false;  // of a paged list
  if (place.find("/blockstat/") != std::string::npos) return true;
  return anywhere.count(key) != 0;
}

/// Lists in a string, in the random order of a Perl hash.
bool is_list_text(std::string_view key) {
  return key == "content" || key == "privs";
}

bool is_volatile_text(std::string_view key, const std::string& place) {
  if (place.find("/current-kernel/") != std::string::npos) return true;
  static const std::set<std::string, std::less<>> keys = {"ticket",
                                                          "CSRFPreventionToken",
                                                          "digest",
                                                          "repoid",
                                                          "ssl_fingerprint",
                                                          "serverid",
                                                          "ip",
                                                          "mhz",
                                                          "model",
                                                          "flags",
                                                          "kversion",
                                                          "pveversion",
                                                          "timezone",
                                                          "dns1",
                                                          "hvm",
                                                          "used_fraction"};
  return keys.count(key) != 0;
}

std::string sorted_list(const std::string& text) {
  auto words = split_list(text, ",");
  std::ranges::sort(words);
  return join(words, ",");
}

/// What tells one element of a list from another.
std::string identity_of(const json::value& value) {
  if (!value.is_object()) return normal_text(to_text(value));
  const json::object& object = value.as_object();
  for (const char* key : {"vmid", "id", "volid", "upid", "storage", "iface", "key", "name", "subdir",
                          "userid", "roleid", "tokenid", "groupid", "poolid", "realm", "path", "n"}) {
    if (const auto* found = object.if_contains(key)) return normal_text(to_text(*found));
  }
  return {};
}

std::string last_step(const std::string& place) {
  return place.substr(place.rfind('/') + 1);
}

}  // namespace

std::string normal_text(std::string_view text) {
  struct Rule {
    std::regex pattern;
    const char* replacement;
  };
  static const std::vector<Rule> rules = [] {
    const auto regex = [](const char* pattern) { return std::regex(pattern, std::regex::optimize); };
    return std::vector<Rule>{
        {regex("UPID:asgard:[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:([^: ]*):([^: ]*):([^: ]*):"),
         "<upid $1:$2:$3>"},
        {regex("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uuid>"},
        {regex("([0-9A-F]{2}:){31}[0-9A-F]{2}"), "<fingerprint>"},
        {regex("[bB][cC]:24:11(:[0-9a-fA-F]{2}){3}"), "<mac>"},
        {regex("\\$5\\$[./0-9A-Za-z]{1,16}\\$[./0-9A-Za-z]{43}"), "<crypted>"},
        {regex("\\b[0-9a-f]{40}\\b"), "<hex40>"},
        {regex("\\b[0-9a-f]{64}\\b"), "<hex64>"},
        {regex("fe80::[0-9a-f:]+"), "<link-local>"},
        {regex("pveupload-[0-9a-f]+(\\.file)?"), "pveupload-<hex>"},
        {regex("qemu-img\\.real"), "qemu-img"},
        {regex("creation-qemu=[0-9.]+,ctime=[0-9]+"), "creation-qemu=<version>,ctime=<time>"},
    };
  }();
  std::string result(text);
  if (result.size() > 100'000) return result;
  for (const Rule& rule : rules) result = std::regex_replace(result, rule.pattern, rule.replacement);
  return result;
}

bool Shape::is_ignored(const std::string& place) const {
  auto steps = split(place, '/');
  std::erase_if(steps, [](const std::string& step) { return step.starts_with('~'); });
  return std::ranges::any_of(ignored_, [&](const std::string& pattern) {
    const auto wanted = split(pattern, '/');
    if (wanted.size() != steps.size()) return false;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (wanted[i] != "*" && wanted[i] != steps[i]) return false;
    }
    return true;
  });
}

void Shape::compare(const json::value& recorded, const json::value& ours, const std::string& place,
                    Problems& out) const {
  if (is_ignored(place)) return;
  const std::string key = last_step(place);
  if (std::string_view(kind_of(recorded)) != kind_of(ours)) {
    out.push_back(fmt::format("{}: {} {} where {} {} was recorded", place, kind_of(ours),
                              to_text(ours).substr(0, 200), kind_of(recorded),
                              to_text(recorded).substr(0, 200)));
  } else if (recorded.is_object()) {
    compare_objects(recorded.as_object(), ours.as_object(), place, out);
  } else if (recorded.is_array()) {
    compare_arrays(recorded.as_array(), ours.as_array(), place, out);
  } else if (recorded.is_string()) {
    std::string a = normal_text(std::string(recorded.as_string()));
    std::string b = normal_text(std::string(ours.as_string()));
    if (is_list_text(key)) {
      a = sorted_list(a);
      b = sorted_list(b);
    }
    if (a != b && !is_volatile_text(key, place))
      out.push_back(fmt::format("{}: '{}' instead of '{}'", place, b, a));
  } else if (to_text(recorded) != to_text(ours) && !is_volatile_number(key, place)) {
    out.push_back(fmt::format("{}: {} instead of {}", place, to_text(ours), to_text(recorded)));
  }
}

void Shape::compare_objects(const json::object& recorded, const json::object& ours, const std::string& place,
                            Problems& out) const {
  // The identity of a row is part of the place of what is in it: what is volatile depends on it.
  const auto* type = recorded.if_contains("type");
  const bool is_node = type != nullptr && *type == "node" && recorded.contains("maxmem");
  const bool is_storage = recorded.contains("plugintype");
  const std::string below = place + (is_node ? "/~node" : is_storage ? "/~storage" : "");
  for (const auto& member : recorded) {
    const std::string inner = below + "/" + std::string(member.key());
    if (is_ignored(place + "/" + std::string(member.key()))) continue;
    const auto* found = ours.if_contains(member.key());
    if (found == nullptr) {
      out.push_back(fmt::format("{}: missing, was {}", inner, to_text(member.value()).substr(0, 200)));
    } else {
      compare(member.value(), *found, inner, out);
    }
  }
  for (const auto& member : ours) {
    const std::string inner = place + "/" + std::string(member.key());
    if (recorded.if_contains(member.key()) == nullptr && !is_ignored(inner)) {
      out.push_back(fmt::format("{}: {} was not recorded", inner, to_text(member.value()).substr(0, 200)));
    }
  }
}

void Shape::compare_arrays(const json::array& recorded, const json::array& ours, const std::string& place,
                           Problems& out) const {
  if (last_step(place) == "loadavg" && recorded.size() == ours.size()) return;
  std::vector<const json::value*> left;
  for (const json::value& value : ours) left.push_back(&value);
  for (const json::value& wanted : recorded) {
    const std::string identity = identity_of(wanted);
    const auto found =
        std::ranges::find_if(left, [&](const json::value* value) { return identity_of(*value) == identity; });
    if (found == left.end() && is_ignored(place + "/" + replace_all(identity, "\"", ""))) continue;
    if (found == left.end()) {
      out.push_back(fmt::format("{}: no element like {}", place, to_text(wanted).substr(0, 300)));
      continue;
    }
    compare(wanted, **found,
            fmt::format(
                "{}/{}", place,
                std::find_if(ours.begin(), ours.end(), [&](const json::value& v) { return &v == *found; }) -
                    ours.begin()),
            out);
    left.erase(found);
  }
  for (const json::value* value : left) {
    out.push_back(fmt::format("{}: an element was not recorded: {}", place, to_text(*value).substr(0, 300)));
  }
}

std::vector<std::string> Shape::differences(const json::value& recorded, const json::value& ours) const {
  Problems out;
  compare(recorded, ours, "", out);
  return out;
}

}  // namespace hlid::test
