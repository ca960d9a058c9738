#include "machine_likeness.h"

#include <fnmatch.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "support/lab.h"

namespace hlid::test {
namespace {

/// Lines "kind name<TAB>value". Run as the user of the file, who may become root. Python is there: cloud-init
/// is written in it; and one process reads ten thousand files faster than as many do.
constexpr const char* kLook = R"SH(
exec sudo -n python3 - <<'PY'
import glob, hashlib, json, os, re, stat, subprocess, time, yaml

def text(path):
    try:
        with open(path, 'r', errors='surrogateescape') as f: return f.read().strip()
    except OSError: return ''
def out(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors='replace').stdout

# A resumed machine's timers begin at a time of its own, which nobody waits for here.
wake = 'hlid-wake.timer'
if out('systemctl', 'is-active', wake).strip() == 'active':
    subprocess.run(['systemctl', 'start', out('systemctl', 'show', '-P', 'Unit', wake).strip()])
for _ in range(90):                        # what starts when all that is waited for is there
    if not out('systemctl', 'list-jobs', '--no-legend').strip() and not out('pgrep', '-x', 'hlid-guest'): break
    time.sleep(1)

own = []                                   # (pattern, neutral), longest first
def mine(value, neutral):
    if value: own.append((value.encode(errors='surrogateescape'), neutral.encode()))
host = text('/etc/hostname')
mine(host, '@HOST@')
mine(text('/etc/machine-id'), '@MACHINE_ID@')
uuid = text('/sys/class/dmi/id/product_uuid')
mine(uuid, '@UUID@'); mine(uuid.upper(), '@UUID@')
mine(text('/var/lib/cloud/data/instance-id'), '@INSTANCE@')
for line in out('ip', '-o', '-4', 'addr', 'show', 'scope', 'global').splitlines():
    mine(line.split()[3].split('/')[0], '@ADDRESS@')
for card in glob.glob('/sys/class/net/*/address'):
    if '/lo/' not in card: mine(text(card), '@MAC@')
for key in glob.glob('/etc/ssh/ssh_host_*_key.pub'):
    mine(text(key).split()[1], '@HOST_KEY@')
own.sort(key=lambda pair: -len(pair[0]))
def neutral(data):
    for value, name in own: data = data.replace(value, name)
    return data

boundary = re.compile(rb'={15}\d+==')       # of MIME parts, random
def content(path, data):
    if path.endswith('/cloud-config.txt'):  # YAML whose line breaks follow the length of the values
        return json.dumps(yaml.safe_load(data), sort_keys=True).encode()
    return times.sub(b'@TIME@', boundary.sub(b'@BOUNDARY@', neutral(data)))
times = re.compile(rb'[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}|\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.,0-9+:Z-]*')
skip = ('/proc', '/sys', '/dev', '/tmp', '/var/tmp', '/run', '/lost+found', '/boot', '/usr', '/var/cache')
def files():
    for folder, folders, names in os.walk('/'):
        folders[:] = [d for d in folders if not os.path.join(folder, d).startswith(skip)]
        for name in folders + names: yield os.path.join(folder, name)
def say(kind, name, value):
    line = (kind + ' ').encode() + neutral(name.encode(errors='surrogateescape')) + b'\t' + value
    print(line.decode(errors='replace').replace('\n', ' '))

for path in files():
    if path.startswith(skip): continue
    try: info = os.lstat(path)
    except OSError: continue
    head = b'%o %d:%d ' % (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid)
    if stat.S_ISLNK(info.st_mode): what = b'-> ' + neutral(os.readlink(path).encode())
    elif stat.S_ISREG(info.st_mode):
        if path.startswith('/var/log/'): what = b'log'
        else:
            with open(path, 'rb') as f: data = f.read(4 << 20)
            what = hashlib.sha256(neutral(content(path, data))).hexdigest()[:16].encode()
    else: what = b'%o' % stat.S_IFMT(info.st_mode)
    say('file', path, head + what)
for line in out('systemctl', 'list-units', '--all', '--plain', '--no-legend', '--full').splitlines():
    unit, load, active, sub = line.split()[:4]
    say('unit', unit, f'{load} {active} {sub}'.encode())
for line in out('systemctl', 'list-unit-files', '--no-legend', '--full').splitlines():
    say('unit-file', line.split()[0], line.split()[1].encode())
for line in out('sysctl', '-a').splitlines():
    name, _, value = line.partition(' = ')
    if name.startswith(('kernel.hostname', 'net.ipv4', 'net.core', 'vm.swappiness', 'fs.inotify', 'kernel.panic', 'kernel.threads')):
        say('sysctl', name, neutral(value.encode()))
for line in text('/proc/mounts').splitlines():
    device, where, kind, options = line.split()[:4]
    say('mount', where, f'{kind} {options}'.encode())
for line in out('ip', '-o', 'addr', 'show').splitlines():
    words = line.split()
    # the link-local address is of the card's own MAC or, as systemd-networkd has it, of the link's secret
    if words[3].startswith('fe80:'): words[3] = 'fe80::'
    say('address', words[1] + ' ' + words[3], b' '.join(w.encode() for w in words[4:8]))
for line in out('ip', 'route').splitlines(): say('route', neutral(line.strip().encode()).decode(), b'')
links = re.sub(r'Link \d+', 'Link', out('resolvectl', 'dns'))
say('resolver', 'dns', links.strip().replace('\n', '; ').encode())
say('clock', 'timers', out('systemctl', 'is-active', 'timers.target').strip().encode())
say('clock', 'ntp', out('timedatectl', 'show', '-p', 'NTP').strip().encode())
PY
)SH";

}  // namespace

Likeness look_at(Lab& lab, const std::string& file, const std::string& machine) {
  const auto result =
      lab.hlid({"ssh", "-f", file, machine, "--", "sh", "-s"}, std::chrono::minutes(8), kLook);
  EXPECT_TRUE(result.ok()) << machine << ": " << result.describe();
  Likeness likeness;
  for (const auto& line : split(result.output, '\n'))
    if (const auto at = line.find('\t'); at != std::string::npos)
      likeness[line.substr(0, at)] = line.substr(at + 1);
  return likeness;
}

std::string places_of(Lab& lab, const std::string& file, const std::string& machine,
                      const std::string& texts) {
  const auto script = fmt::format(R"SH(
exec sudo -n sh <<'EOS'   # which would log a command line that holds the texts
texts='{}'
find / /run -xdev -type f -cnewer /usr/lib/hlid/hlid-guest ! -path /usr/lib/hlid/hlid-guest -print0 |
  xargs -0 grep -laE "$texts"
journalctl --no-pager | grep -E "$texts" | sed 's/^/journal: /'
dmesg | grep -E "$texts" | sed 's/^/kernel: /'
exit 0
EOS
)SH",
                                  texts);
  const auto result =
      lab.hlid({"ssh", "-f", file, machine, "--", "sh", "-s"}, std::chrono::minutes(8), script);
  EXPECT_TRUE(result.ok()) << machine << ": " << result.describe();
  return result.output;
}

namespace {

bool matches(const std::vector<std::string>& patterns, const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const auto& pattern) { return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0; });
}

/// The same text but for numbers that differ by a twentieth at most.
bool is_near(const std::string& one, const std::string& other) {
  const char* a = one.c_str();
  const char* b = other.c_str();
  while (*a != 0 && *b != 0) {
    if (std::isdigit(static_cast<unsigned char>(*a)) != 0 &&
        std::isdigit(static_cast<unsigned char>(*b)) != 0) {
      char* after_a = nullptr;
      char* after_b = nullptr;
      const double x = std::strtod(a, &after_a);
      const double y = std::strtod(b, &after_b);
      if (std::abs(x - y) > 0.05 * std::max(x, y)) return false;
      a = after_a;
      b = after_b;
    } else if (*a++ != *b++) {
      return false;
    }
  }
  return *a == *b;
}

}  // namespace

std::vector<std::string> differences(const Likeness& one, const Likeness& other,
                                     const std::vector<std::string>& allowed,
                                     const std::vector<std::string>& near) {
  std::set<std::string> names;
  for (const auto* likeness : {&one, &other})
    for (const auto& [name, value] : *likeness) names.insert(name);
  const auto of = [](const Likeness& likeness, const std::string& name) {
    const auto found = likeness.find(name);
    return found == likeness.end() ? std::string("absent") : found->second;
  };
  std::vector<std::string> found;
  for (const auto& name : names) {
    const bool fine =
        matches(allowed, name) || (matches(near, name) && is_near(of(one, name), of(other, name)));
    if (!fine && of(one, name) != of(other, name))
      found.push_back(fmt::format("{}: '{}', '{}'", name, of(one, name), of(other, name)));
  }
  return found;
}

}  // namespace hlid::test
