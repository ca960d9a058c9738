#include "support/fake_rke2/kubectl.h"

#include <cstdio>
#include <cstdlib>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/kubeconfig.h"
#include "support/fake_rke2/kubectl_options.h"
#include "support/fake_rke2/release.h"

namespace hlid::fake_rke2 {
namespace {

/// Flags without a value unless it is written with '='.
const std::set<std::string> kSwitches = {"all-namespaces",
                                         "ignore-daemonsets",
                                         "delete-emptydir-data",
                                         "force",
                                         "ignore-not-found",
                                         "overwrite",
                                         "no-headers",
                                         "show-labels",
                                         "client",
                                         "all",
                                         "watch",
                                         "recursive",
                                         "server-side",
                                         "insecure-skip-tls-verify",
                                         "disable-eviction",
                                         "list",
                                         "now",
                                         "short",
                                         "force-conflicts"};
const std::map<std::string, std::string> kShort = {
    {"A", "all-namespaces"}, {"n", "namespace"}, {"o", "output"},    {"l", "selector"}, {"f", "filename"},
    {"w", "watch"},          {"s", "server"},    {"R", "recursive"}, {"v", "v"}};

struct Target {
  Endpoint endpoint;
  SslContext context;
};

Target target_of(const KubectlOptions& options) {
  std::string file = options.value("kubeconfig");
  if (file.empty())
    if (const char* given = std::getenv("KUBECONFIG")) file = given;  // NOLINT(concurrency-mt-unsafe)
  if (file.empty())
    if (const char* home = std::getenv("HOME"))  // NOLINT(concurrency-mt-unsafe)
      if (const auto usual = fs::path(home) / ".kube/config"; fs::exists(usual)) file = usual;
  if (file.empty())
    throw KubectlFailure(
        "The connection to the server localhost:8080 was refused - did you specify the right host or port?");
  if (!fs::exists(file)) throw KubectlFailure(fmt::format("error: stat {}: no such file or directory", file));
  const auto config = read_kubeconfig(file);
  return {parse_url(options.value("server", config.server)),
          client_context(config.ca, {config.certificate, config.key})};
}

[[noreturn]] void unreachable(const Error& problem, const Endpoint& endpoint) {
  if (contains(problem.message(), "connection refused"))
    throw KubectlFailure(fmt::format(
        "The connection to the server {}:{} was refused - did you specify the right host or port?",
        endpoint.host, endpoint.port));
  throw KubectlFailure("Unable to connect to the server: " + problem.message());
}

std::string text_of(const ApiProblem& problem) {
  if (problem.status == 401) return "error: You must be logged in to the server (Unauthorized)";
  if (problem.reason.empty()) return "Error from server: " + problem.message;
  return fmt::format("Error from server ({}): {}", problem.reason, problem.message);
}

void print_version(Api& api, const KubectlOptions& options) {
  const auto own = to_text(json::object{{"gitVersion", version()}, {"platform", "linux/amd64"}});
  const bool as_json = options.value("output") == "json";
  if (options.has("client")) {
    std::puts(as_json ? ("{\"clientVersion\":" + own + "}").c_str()
                      : ("Client Version: " + version()).c_str());
    return;
  }
  const auto server = api.raw("GET", "/version");
  if (as_json)
    std::puts(("{\"clientVersion\":" + own + ",\"serverVersion\":" + server + "}").c_str());
  else
    std::puts(fmt::format("Client Version: {}\nServer Version: {}", version(),
                          text_at(parse_json(server), {"gitVersion"}))
                  .c_str());
}

void run(Api& api, const KubectlOptions& options) {
  const auto& verb = options.words.front();
  if (verb == "version") return print_version(api, options);
  if (verb == "get" && options.flags.contains("raw")) {
    const auto answer = api.raw("GET", options.value("raw"));
    std::fwrite(answer.data(), 1, answer.size(), stdout);
    return;
  }
  if (verb == "get") return kubectl_get(api, options);
  if (kubectl_change(api, options)) return;
  throw KubectlFailure(fmt::format("error: unknown command \"{}\" for \"kubectl\"", verb));
}

int run_against_target(const KubectlOptions& options) {
  const auto target = target_of(options);
  const auto timeout =
      parse_duration(options.value("request-timeout", "0")).value_or(std::chrono::seconds(60));
  Api api({target.endpoint}, target.context, timeout);
  try {
    run(api, options);
    return 0;
  } catch (const ApiProblem& problem) {
    throw KubectlFailure(text_of(problem));
  } catch (const Error& problem) {
    if (problem.code() == Errc::usage) throw KubectlFailure(problem.message());
    unreachable(problem, target.endpoint);
  }
}

}  // namespace

KubectlOptions KubectlOptions::parse(const std::vector<std::string>& arguments) {
  KubectlOptions out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    auto word = arguments[i];
    if (!word.starts_with('-') || word == "-") {
      out.words.push_back(word);
      continue;
    }
    const bool is_short = !word.starts_with("--");
    word.erase(0, is_short ? 1 : 2);
    std::optional<std::string> value;
    if (const auto equals = word.find('='); equals != std::string::npos) {
      value = word.substr(equals + 1);
      word.resize(equals);
    }
    if (is_short) {
      const auto rest = word.substr(1);
      const auto found = kShort.find(word.substr(0, 1));
      if (found == kShort.end())
        throw KubectlFailure(fmt::format("error: unknown shorthand flag: '{0}' in -{0}", word));
      word = found->second;
      if (!rest.empty()) value = value ? rest + "=" + *value : rest;
    }
    if (!value && !kSwitches.contains(word)) {
      if (i + 1 == arguments.size()) throw KubectlFailure("error: flag needs an argument: --" + word);
      value = arguments[++i];
    }
    out.flags[word].push_back(value.value_or("true"));
  }
  return out;
}

std::string KubectlOptions::value(const std::string& flag, const std::string& otherwise) const {
  const auto found = flags.find(flag);
  return found == flags.end() ? otherwise : found->second.back();
}

std::optional<std::chrono::milliseconds> parse_duration(const std::string& text) {
  double total = 0;
  const char* at = text.c_str();
  while (*at != '\0') {
    char* end = nullptr;
    const double number = std::strtod(at, &end);
    if (end == at) throw KubectlFailure(fmt::format("error: invalid duration \"{}\"", text));
    double unit = 1;
    if (std::string_view(end).starts_with("ms"))
      unit = 0.001;
    else if (*end == 'm')
      unit = 60;
    else if (*end == 'h')
      unit = 3600;
    total += number * unit;
    at = end;
    while (*at >= 'a' && *at <= 'z') ++at;
  }
  if (total <= 0) return std::nullopt;
  return std::chrono::milliseconds(static_cast<long long>(total * 1000));
}

const Resource& demand_resource(const std::string& word) {
  const auto* found = find_resource(word);
  if (found == nullptr)
    throw KubectlFailure(
        fmt::format("error: the server doesn't have a resource type \"{}\"", split(word, '.')[0]));
  return *found;
}

int kubectl_main(const std::vector<std::string>& arguments) {
  try {
    const auto options = KubectlOptions::parse(arguments);
    if (options.words.empty()) {
      std::puts("kubectl controls the Kubernetes cluster manager.");
      return 0;
    }
    return run_against_target(options);
  } catch (const std::exception& problem) {
    std::fflush(stdout);
    std::fputs((std::string(problem.what()) + "\n").c_str(), stderr);
    return 1;
  }
}

}  // namespace hlid::fake_rke2
