#include "guest/personalise.h"

#include "guest/warm_values.h"

namespace hlid::guest {
namespace {

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

/// Calls `use` with each line, its newline included.
template <typename F>
void for_each_line(const std::string& text, F use) {
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    const auto next = end == std::string::npos ? text.size() : end + 1;
    use(text.substr(at, next - at));
    at = next;
  }
}

std::string replace_lines(const std::string& text, const Substitution& one) {
  std::string out;
  for_each_line(text, [&](const std::string& line) {
    if (line.find(one.warm) == std::string::npos) {
      out += line;
      return;
    }
    for (const auto& value : one.values) out += replace_all(line, one.warm, value);
  });
  return out;
}

/// A JSON string's text, of which each line holding the warm value is repeated. A value in the first line is
/// not one of a list.
std::string replace_escaped_lines(const std::string& text, const Substitution& one) {
  constexpr std::string_view kNewline = "\\n";
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find(kNewline, at);
    const auto next = end == std::string::npos ? text.size() : end + kNewline.size();
    const std::string line = text.substr(at, next - at);
    if (line.find(one.warm) == std::string::npos || at == 0 || end == std::string::npos) {
      out += replace_all(line, one.warm, one.values.empty() ? "" : one.values.front());
    } else {
      for (const auto& value : one.values) out += replace_all(line, one.warm, value);
    }
    at = next;
  }
  return out;
}

std::string replace_strings(std::string text, const Substitution& one) {
  std::string list;
  for (const auto& value : one.values) list += (list.empty() ? "\"" : ", \"") + value + "\"";
  text = replace_all(std::move(text), "\"" + one.warm + "\"", list);
  std::string out;
  for_each_line(text, [&](const std::string& line) { out += replace_escaped_lines(line, one); });
  return out;
}

std::string netmask_of(const std::string& prefix) {
  const int bits = std::stoi(prefix);
  const std::uint32_t mask = bits == 0 ? 0 : ~std::uint32_t{0} << (32 - bits);
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8)
    text += std::to_string(mask >> shift & 255) + (shift > 0 ? "." : "");
  return text;
}

/// "a", "b" → "a b": where a program keeps a list in one line.
std::string joined(const std::vector<std::string>& values) {
  std::string out;
  for (const auto& value : values) out += (out.empty() ? "" : " ") + value;
  return out;
}

void add_network(std::vector<Substitution>& all, const Identity& identity) {
  const auto slash = identity.address.find('/');
  const std::string address = identity.address.substr(0, slash);
  const std::string prefix = slash == std::string::npos ? "32" : identity.address.substr(slash + 1);
  const std::string warm_cidr = std::string(warm::kAddress) + "/" + std::string(warm::kPrefix);
  all.push_back({warm_cidr, {identity.address}, false});
  all.push_back({std::string(warm::kAddress), {address}, false});
  all.push_back({std::string(warm::kNetmask), {netmask_of(prefix)}, false});
  all.push_back({std::string(warm::kGateway), {identity.gateway}, false});
  all.push_back({std::string(warm::kMac), {identity.mac}, false});
  // networkd's "DNS=" and "Domains=" take one value a line as well as several.
  all.push_back({std::string(warm::kDns), identity.dns, true});
}

}  // namespace

std::vector<Substitution> substitutions(const Identity& identity) {
  const std::string warm_fqdn = std::string(warm::kHostname) + "." + std::string(warm::kDomain);
  std::vector<Substitution> all;
  all.push_back({warm_fqdn, {identity.fqdn.empty() ? identity.hostname : identity.fqdn}, false});
  all.push_back({std::string(warm::kInstanceId), {identity.instance_id}, false});
  all.push_back({std::string(warm::kHostname), {identity.hostname}, false});
  all.push_back({"Domains=" + std::string(warm::kDomain),
                 identity.search.empty() ? std::vector<std::string>{}
                                         : std::vector<std::string>{"Domains=" + joined(identity.search)},
                 true});
  all.push_back({std::string(warm::kDomain), identity.search, true});
  all.push_back({std::string(warm::kKey), identity.authorized_keys, true});
  if (!identity.address.empty()) add_network(all, identity);
  return all;
}

std::string personalise(std::string text, const std::vector<Substitution>& all) {
  for (const auto& one : all)
    text = one.whole_lines ? replace_lines(text, one)
                           : replace_all(std::move(text), one.warm, one.values.front());
  return text;
}

std::string personalise_json(std::string text, const std::vector<Substitution>& all) {
  for (const auto& one : all)
    text = one.whole_lines ? replace_strings(std::move(text), one)
                           : replace_all(std::move(text), one.warm, one.values.front());
  return text;
}

std::string with_password(const std::string& shadow, const std::string& user, const std::string& hash) {
  std::string out;
  for_each_line(shadow, [&](const std::string& line) {
    if (!line.starts_with(user + ":")) {
      out += line;
      return;
    }
    const auto begin = user.size() + 1;
    out += line.substr(0, begin) + (hash.empty() ? "!" : hash) + line.substr(line.find(':', begin));
  });
  return out;
}

}  // namespace hlid::guest
