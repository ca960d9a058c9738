#include "cluster/shell.h"

#include "base/text.h"

namespace hlid::cluster {

const std::string_view kShellWeb = R"sh(
web() {
  web_ca=$1 web_token=$2 web_login=
  [ -z "$web_token" ] || read -r web_login <"$web_token"
  web_login=${web_login#*::}
  shift 2
  if command -v curl >/dev/null 2>&1; then web_curl "$@"; else web_python "$@"; fi
}
web_settings() {
  case $web_login in *[\"\\]*) web_login=$(printf '%s\n' "$web_login" | sed 's/["\\]/\\&/g') ;; esac
  while [ "$#" -ge 2 ]; do
    case $2 in
      https:*)
        if [ -n "$web_ca" ]; then printf 'cacert = "%s"\n' "$web_ca"; else echo insecure; fi
        [ -z "$web_login" ] || printf 'user = "%s"\n' "$web_login"
        ;;
    esac
    printf 'url = "%s"\nsilent\nnoproxy = "*"\nmax-time = 5\nwrite-out = "\\n@@ %s %%{http_code}\\n"\n' "$2" "$1"
    shift 2
    [ "$#" -lt 2 ] || echo next
  done
}
web_curl() { web_settings "$@" | curl -q -K - 2>/dev/null; }
web_python() {
  python3 -I -S -c '
import base64, socket, ssl, sys
authority, token = sys.argv[1:3]
secret = open(token).readline().strip().partition("::")[2] if token else ""
login = "Authorization: Basic " + base64.b64encode(secret.encode()).decode() + "\r\n" if secret else ""
def ask(url):
    scheme, _, rest = url.partition("://")
    place, _, path = rest.partition("/")
    host, _, port = place.partition(":")
    link = socket.create_connection((host, int(port)), 5)
    if scheme == "https":
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trust.check_hostname = bool(authority)
        trust.verify_mode = ssl.CERT_REQUIRED if authority else ssl.CERT_NONE
        if authority:
            trust.load_verify_locations(authority)
        link = trust.wrap_socket(link, server_hostname=host)
    request = "GET /" + path + " HTTP/1.0\r\nHost: " + place + "\r\n" + (login if scheme == "https" else "")
    link.sendall((request + "\r\n").encode())
    answer = b"".join(iter(lambda: link.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split()[1].decode(), body
for label, url in zip(sys.argv[3::2], sys.argv[4::2]):
    try:
        status, body = ask(url)
    except (OSError, IndexError):
        status, body = "000", b""
    sys.stdout.buffer.write(body + ("\n@@ " + label + " " + status + "\n").encode())
' "$web_ca" "$web_token" "$@"
}
)sh";

const std::string_view kShellKube = R"sh(
kube() { "$kubectl" --kubeconfig "$kubeconfig" --request-timeout=10s "$@"; }
slim() {
  awk '
    /^ *"images": \[$/ { match($0, /^ */); depth = RLENGTH; skip = 1; next }
    skip { match($0, /^ */); if (RLENGTH == depth && $0 ~ /^ *\]/) skip = 0; next }
    { print }
  '
}
)sh";

const std::string_view kShellUnits = R"sh(
units() {
  systemctl show "$@" -p Id -p UnitFileState -p ActiveState -p SubState -p MainPID -p InvocationID 2>/dev/null | awk -F= '
    function tell() {
      if (id) print "unit", id, file ? file : "-", active ? active : "-", state ? state : "-", pid ? pid : 0, run ? run : "-"
      id = file = active = state = pid = run = ""
    }
    /^$/ { tell() }
    $1 == "Id" { id = $2; sub(/\.service$/, "", id) }
    $1 == "UnitFileState" { file = $2 }
    $1 == "ActiveState" { active = $2 }
    $1 == "SubState" { state = $2 }
    $1 == "MainPID" { pid = $2 }
    $1 == "InvocationID" { run = $2 }
    END { tell() }
  '
}
)sh";

std::map<std::string, WebAnswer> parse_web(std::string_view output) {
  std::map<std::string, WebAnswer> answers;
  constexpr std::string_view kMark = "\n@@ ";
  while (true) {
    const auto mark = output.find(kMark);
    if (mark == std::string_view::npos) return answers;
    const auto end = output.find('\n', mark + kMark.size());
    const auto words = split(output.substr(mark + kMark.size(), end - mark - kMark.size()), ' ');
    if (words.size() == 2) answers[words[0]] = {words[1] == "200", std::string(output.substr(0, mark))};
    if (end == std::string_view::npos) return answers;
    output.remove_prefix(end + 1);
  }
}

std::pair<std::string_view, std::string_view> split_web(std::string_view report) {
  constexpr std::string_view kLine = "\nweb\n";
  const auto at = report.find(kLine);
  if (at == std::string_view::npos) return {report, {}};
  return {report.substr(0, at + 1), report.substr(at + kLine.size())};
}

std::string script(std::string_view name, std::initializer_list<std::string_view> parts) {
  std::string text = "# hlid:" + std::string(name) + "\n";
  for (const auto part : parts) text += part;
  return text;
}

}  // namespace hlid::cluster
