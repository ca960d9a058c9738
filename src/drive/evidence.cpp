#include "drive/evidence.h"

#include "base/error.h"
#include "base/text.h"
#include "pve/agent.h"

namespace hlid::drive {
namespace {

constexpr std::size_t kLines = 8;

/// Leaves out escape sequences (ECMA-48: ESC [ … final byte) and other control characters.
std::string without_controls(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == 0x1B) {
      if (i + 1 < text.size() && text[i + 1] == '[') {
        i += 2;
        while (i < text.size() && (text[i] < '@' || text[i] > '~')) ++i;
      }
      continue;
    }
    if (c >= 0x20 || c == '\n' || c == '\t') out += text[i];
  }
  return out;
}

std::string block(const std::string& title, const std::string& text) {
  const auto tail = last_lines(text, kLines);
  if (tail.empty()) return {};
  std::string out = "\n  " + title + ":";
  for (const auto& line : split(tail, '\n')) out += "\n  | " + line;
  return out;
}

std::string run_in_guest(const pve::Session& session, const pve::VmRef& vm,
                         std::vector<std::string> command) {
  try {
    return pve::guest_exec(session, vm, {std::move(command), {}, std::chrono::seconds(20)}).output;
  } catch (const Error&) {  // evidence is best effort
    return {};
  }
}

std::string inside(const pve::Session& session, const pve::VmRef& vm, Link broken) {
  if (broken == Link::address)
    return block("ip address", run_in_guest(session, vm, {"/usr/sbin/ip", "-br", "addr"}));
  std::string out;
  try {
    const auto log = pve::guest_read_file(session, vm, "/var/log/cloud-init-output.log");
    out += block("cloud-init", log.value_or(""));
  } catch (const Error&) {  // evidence is best effort
  }
  return out + block("journal", run_in_guest(session, vm,
                                             {"/usr/bin/journalctl", "-b", "-p", "warning", "-n", "8",
                                              "--no-pager", "-o", "cat"}));
}

}  // namespace

std::string last_lines(const std::string& text, std::size_t count) {
  auto lines = split_list(without_controls(replace_all(text, "\r", "\n")), "\n");
  if (lines.size() > count) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(count));
  return join(lines, "\n");
}

std::string evidence_of(const pve::Session& session, const pve::VmRef& vm, Link broken,
                        const ReadinessWatch& watch) {
  std::string out;
  if (broken == Link::address || broken == Link::cloud_init) out = inside(session, vm, broken);
  if (out.empty() && watch.console_tail) out = block("console", watch.console_tail());
  return out;
}

}  // namespace hlid::drive
