// `rke2 certificate check|rotate`: works on the files of this machine.
#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "support/fake_rke2/commands.h"
#include "support/fake_rke2/config.h"
#include "support/fake_rke2/journal.h"
#include "support/fake_rke2/pki.h"
#include "sys/files.h"

namespace hlid::fake_rke2 {
namespace {

constexpr long long kWarnBefore = 120LL * 24 * 3600;

/// Certificates that end within a year; authorities are not among them.
std::vector<fs::path> leaves(const Layout& layout) {
  std::vector<fs::path> out;
  for (const auto& folder : {layout.tls(), layout.etcd_tls(), layout.agent()}) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder, none)) {
      const auto name = entry.path().filename().string();
      if (name.ends_with(".crt") && !contains(name, "-ca.")) out.push_back(entry.path());
    }
  }
  std::ranges::sort(out);
  return out;
}

std::string status_of(const CertificateFacts& facts) {
  const auto now = journal::unix_now();
  if (facts.not_before > now) return "NOT YET VALID";
  if (facts.not_after < now) return "EXPIRED";
  return facts.not_after - now < kWarnBefore ? "WARNING" : "OK";
}

std::string remaining(long long seconds) {
  const auto days = (seconds < 0 ? -seconds : seconds) / 86400;
  const auto text = days >= 365 ? std::string("1 year") : fmt::format("{} days", days);
  return seconds < 0 ? text + " ago" : text;
}

void check_as_json(const std::vector<fs::path>& files) {
  json::array list;
  for (const auto& file : files) {
    const auto facts = inspect(sys::read_file(file));
    list.push_back(json::object{{"Filename", file.filename().string()},
                                {"Subject", facts.subject},
                                {"Issuer", facts.issuer},
                                {"Usages", json::array{"ServerAuth", "ClientAuth"}},
                                {"ExpiryTime", journal::timestamp(facts.not_after)},
                                {"ResidualTime", (facts.not_after - journal::unix_now()) * 1'000'000'000LL},
                                {"Status", status_of(facts)}});
  }
  std::puts(to_text(json::object{{"Certificates", std::move(list)}}).c_str());
}

void check_as_table(const std::vector<fs::path>& files) {
  std::puts(
      "\nFILENAME                    SUBJECT                      USAGES                  EXPIRES            "
      "      RESIDUAL TIME   STATUS");
  std::puts(
      "--------                    -------                      ------                  -------              "
      "    -------------   ------");
  for (const auto& file : files) {
    const auto facts = inspect(sys::read_file(file));
    char expires[64] = "";
    std::tm time{};
    ::gmtime_r(&facts.not_after, &time);
    std::strftime(expires, sizeof expires, "%b %d, %Y %H:%M UTC", &time);
    std::puts(fmt::format("{:<28}{:<29}{:<24}{:<25}{:<16}{}", file.filename().string(), facts.subject,
                          "ServerAuth,ClientAuth", expires, remaining(facts.not_after - journal::unix_now()),
                          status_of(facts))
                  .c_str());
  }
}

void check_as_text(const std::vector<fs::path>& files) {
  for (const auto& file : files) {
    const auto facts = inspect(sys::read_file(file));
    const auto start =
        fmt::format("{}: certificate {} (ServerAuth,ClientAuth)", file.filename().string(), facts.subject);
    const auto end = journal::timestamp(facts.not_after);
    const auto status = status_of(facts);
    if (status == "EXPIRED")
      journal::error("{} expired at {}", start, end);
    else if (status == "WARNING")
      journal::warning("{} will expire within 120 days at {}", start, end);
    else
      journal::info("{} is ok, expires at {}", start, end);
  }
}

void check(const Config& config) {
  const auto files = leaves(config.layout());
  journal::info("{} detected, checking agent{} certificates",
                fs::exists(config.layout().tls()) ? "Server" : "Agent",
                fs::exists(config.layout().tls()) ? " and server" : "");
  const auto format = config.text("output", config.text("o", "text"));
  if (format == "json")
    check_as_json(files);
  else if (format == "table")
    check_as_table(files);
  else if (format == "text")
    check_as_text(files);
  else
    throw Error(Errc::usage, "invalid output format {}", format);
}

/// With --service only the files whose name begins like the service ("admin", "etcd", "kubelet").
bool belongs(const fs::path& file, const std::vector<std::string>& services) {
  if (services.empty()) return true;
  return std::ranges::any_of(services, [&](const auto& service) { return contains(file.string(), service); });
}

void rotate(const Config& config) {
  const auto layout = config.layout();
  const bool server = fs::exists(layout.tls());
  const auto backup =
      (server ? layout.server() : layout.agent()) / fmt::format("tls-{}", journal::unix_now());
  sys::make_folder(backup, 0700);
  if (server)
    fs::copy(layout.tls(), backup, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  for (const auto& file : leaves(layout)) {
    if (!belongs(file, config.list("service"))) continue;
    auto key = file;
    key.replace_extension(".key");
    std::error_code none;
    if (!server) fs::copy(file, backup / file.filename(), none);
    fs::remove(file, none);
    fs::remove(key, none);
  }
  journal::info(
      "Successfully backed up certificates to {}, please restart rke2 server or agent to rotate certificates",
      backup.string());
}

}  // namespace

int certificate_command(std::vector<std::string> arguments) {
  try {
    const auto verb = arguments.empty() ? std::string() : arguments.front();
    if (!arguments.empty()) arguments.erase(arguments.begin());
    const auto config = Config::load(arguments, true);
    if (verb == "check")
      check(config);
    else if (verb == "rotate")
      rotate(config);
    else
      throw Error(Errc::usage, "No help topic for '{}'", verb);
    return 0;
  } catch (const std::exception& problem) {
    journal::write("fatal", problem.what());
    return 1;
  }
}

}  // namespace hlid::fake_rke2
