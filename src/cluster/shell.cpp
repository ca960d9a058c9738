#include "cluster/shell.h"

namespace hlid::cluster {

const std::string_view kShellWeb = R"sh(
web() {
  web_ca=$1 web_token=$2
  shift 2
  if command -v curl >/dev/null 2>&1; then web_curl "$@"; else web_python "$@"; fi
}
web_settings() {
  case $1 in https:*) ;; *) return ;; esac
  if [ -n "$web_ca" ]; then printf 'cacert = "%s"\n' "$web_ca"; else echo insecure; fi
  if [ -n "$web_token" ]; then
    sed -n '1{s/^K10[0-9a-f]*:://;s/["\\]/\\&/g;s/.*/user = "&"/p;}' "$web_token" 2>/dev/null
  fi
}
web_curl() {
  while [ "$#" -ge 2 ]; do
    answer=$(web_settings "$2" | curl -q -s --noproxy '*' -m 5 -K - -w '\n%{http_code}' "$2" 2>/dev/null)
    status=$(printf '%s\n' "$answer" | tail -n 1)
    case $2 in
      https:*) body=$(printf '%s\n' "$answer" | sed '$d') ;;
      *) body=$(printf '%s\n' "$answer" | sed '$d' | grep "^$1") ;;
    esac
    printf '%s %s %s\n' "$1" "${status:-000}" "$(printf '%s\n' "$body" | base64 -w0)"
    shift 2
  done
}
web_python() {
  python3 -I -S -c '
import base64, socket, ssl, sys
authority, token = sys.argv[1:3]
login = ""
try:
    secret = open(token).readline().strip().partition("::")[2] if token else ""
    if secret:
        login = "Authorization: Basic " + base64.b64encode(secret.encode()).decode() + "\r\n"
except OSError:
    pass
def ask(url, label):
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
    if scheme == "http":
        body = b"\n".join(line for line in body.split(b"\n") if line.startswith(label.encode()))
    return head.split()[1].decode(), body
for label, url in zip(sys.argv[3::2], sys.argv[4::2]):
    try:
        status, body = ask(url, label)
    except (OSError, IndexError):
        status, body = "000", b""
    print(label, status, base64.b64encode(body).decode())
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

std::string script(std::string_view name, std::initializer_list<std::string_view> parts) {
  std::string text = "# hlid:" + std::string(name) + "\n";
  for (const auto part : parts) text += part;
  return text;
}

}  // namespace hlid::cluster
