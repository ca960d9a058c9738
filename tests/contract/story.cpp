#include "contract/story.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include <algorithm>
#include <chrono>
#include <regex>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "contract/shape.h"
#include "net/http.h"
#include "sys/files.h"
#include "sys/hash.h"

namespace hlid::test {
namespace {

constexpr std::string_view kTheirLocal = "/var/lib/vz";
constexpr std::string_view kTheirScratch = "/tmp/pve-real";

std::string header_of(const std::vector<std::pair<std::string, std::string>>& headers,
                      std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (to_lower(key) == to_lower(name)) return value;
  }
  return {};
}

bool has_header(const std::vector<std::pair<std::string, std::string>>& headers, std::string_view name) {
  return std::ranges::any_of(headers,
                             [&](const auto& header) { return to_lower(header.first) == to_lower(name); });
}

/// "PVEAuthCookie=PVE%3Aterra%40pve%3A…" -> terra@pve
std::string user_of_ticket(const std::string& ticket) {
  const auto parts = split(percent_decode(ticket), ':');
  return parts.size() > 1 ? parts[1] : "";
}

bool is_placeholder(const std::string& text) {
  return text.find('<') != std::string::npos;
}

json::value parse(const std::string& text) {
  return text.empty() ? json::value() : parse_json(text, "body");
}

std::optional<json::value> try_parse(const std::string& text) {
  try {
    if (text.starts_with('{')) return parse(text);
  } catch (const Error&) {
  }
  return std::nullopt;
}

/// "METHOD /api2/json/nodes/asgard/…" against "METHOD /nodes/{node}/…"
bool matches_endpoint(const std::string& pattern, const Recording& recording) {
  const auto words = split(pattern, ' ');
  if (words.size() != 2 || words[0] != recording.method) return false;
  std::string path = recording.path.substr(0, recording.path.find('?'));
  for (const char* prefix : {"/api2/json", "/api2/extjs"}) {
    if (path.starts_with(prefix)) path = path.substr(std::string_view(prefix).size());
  }
  const auto wanted = split_list(words[1], "/");
  const auto given = split_list(path, "/");
  if (wanted.size() != given.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i].starts_with('{') && wanted[i] != given[i]) return false;
  }
  return true;
}

}  // namespace

// -- notes
// -------------------------------------------------------------------------------------------------------------

Notes Notes::read(const std::filesystem::path& folder) {
  Notes notes;
  for (const std::string& line : split(sys::read_file(folder / "skipped.txt"), '\n')) {
    const auto dash = line.find(" -- ");
    if (line.starts_with('#') || dash == std::string::npos) continue;
    notes.skipped[std::string(trim(line.substr(0, dash)))] = trim(line.substr(dash + 4));
  }
  const json::value exceptions = parse_json(sys::read_file(folder / "exceptions.json"), "exceptions.json");
  for (const auto& item : exceptions.as_object()) notes.exceptions[item.key()] = item.value().as_object();
  const json::value gaps = parse_json(sys::read_file(folder / "gaps.json"), "gaps.json");
  for (const json::value& gap : gaps.as_array()) notes.gaps.push_back(gap.as_object());
  return notes;
}

std::string Notes::reason_to_skip(const Recording& recording) const {
  if (const auto found = skipped.find(recording.name); found != skipped.end()) return found->second;
  for (const auto& [pattern, reason] : skipped) {
    if (matches_endpoint(pattern, recording)) return reason;
  }
  return {};
}

// -- playing
// -----------------------------------------------------------------------------------------------------------

Story::Story(ServerUnderTest server, Notes notes) : server_(std::move(server)), notes_(std::move(notes)) {
  log_in("root@pam", server_.root_password);
}

std::vector<Outcome> Story::play(const std::vector<Recording>& recordings) {
  for (const Recording& recording : recordings) {
    present_.insert(recording.name);
    present_numbers_.insert(recording.number);
  }
  std::vector<Outcome> outcomes;
  int last = 0;
  for (const Recording& recording : recordings) {
    for (int number = last + 1; number <= recording.number; ++number) fill_gaps(number, recording.name);
    last = recording.number;
    Outcome outcome = play_one(recording);
    if (!recording.background) outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

/// What an exchange that is not in the folder did to the server ("number"), or what was done to it without
/// any exchange ("before": always).
void Story::fill_gaps(int before, const std::string&) {
  for (const json::object& gap : notes_.gaps) {
    const auto number = get_integer(gap, "number").value_or(0);
    const bool missing = number == before && present_numbers_.count(before) == 0;
    if (missing || get_integer(gap, "before").value_or(0) == before) fill(gap);
  }
}

void Story::fill(const json::object& gap) {
  if (const auto file = get_string(gap, "file")) {
    const auto path = server_.local / *file;
    sys::make_folder(path.parent_path());
    std::string content = get_string(gap, "content").value_or("");
    content.resize(
        static_cast<std::size_t>(get_integer(gap, "size").value_or(static_cast<long long>(content.size()))),
        'x');
    sys::write_durable(path, content);
    return;
  }
  if (const auto pause = get_integer(gap, "pause_ms")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(*pause));
    return;
  }
  if (const auto vmid = get_integer(gap, "wait_agent")) {
    wait_agent(*vmid);
    return;
  }
  const std::string path = get_string(gap, "path").value_or("");
  if (const auto name = get_string(gap, "upload")) {
    upload(path, *name);
    return;
  }
  const json::value data =
      call(get_string(gap, "method").value_or("POST"), path,
           theirs_to_ours(get_string(gap, "form").value_or("")), true, get_string(gap, "as").value_or(""));
  if (const auto token = get_string(gap, "learn_token"); token && data.is_object()) {
    tokens_[*token] = get_string(data.as_object(), "value").value_or("");
  }
  if (!data.is_string() || !data.as_string().starts_with("UPID:")) return;
  const std::string upid(data.as_string());
  if (const auto theirs = get_string(gap, "upid")) upids_[*theirs] = upid;
  if (!gap.contains("nowait")) wait_task(upid);
}

void Story::wait_agent(long long vmid) const {
  const std::string path = fmt::format("/nodes/{}/qemu/{}/agent/ping", server_.node, vmid);
  for (int i = 0; i < 120 && call("POST", path, {}, true).is_null(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
  }
}

void Story::upload(const std::string& path, const std::string& name) const {
  const std::string body = fmt::format(
      "--xyz\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\niso\r\n--xyz\r\nContent-Disposition: "
      "form-data; "
      "name=\"filename\"; filename=\"{}\"\r\n\r\n{}\r\n--xyz--\r\n",
      name, std::string(4096, '\0'));
  const RawResponse response =
      send_raw(server_.port,
               fmt::format("POST /api2/json{} HTTP/1.1\r\nHost: asgard\r\nConnection: close\r\n"
                           "Cookie: PVEAuthCookie={}\r\nContent-Type: multipart/form-data; boundary=xyz\r\n"
                           "Content-Length: {}\r\n\r\n{}",
                           path, percent_encode(tickets_.at("root@pam")), body.size(), body));
  if (response.status == 200) wait_task(*get_string(parse(response.body).as_object(), "data"));
}

Outcome Story::play_one(const Recording& recording) {
  Outcome outcome{recording.name, Outcome::Kind::passed, {}};
  if (const std::string reason = notes_.reason_to_skip(recording); !reason.empty()) {
    return {recording.name, Outcome::Kind::skipped, {reason}};
  }
  const auto exception = notes_.exceptions.find(recording.name);
  try {
    const Sent sent = send(recording);
    learn(recording, sent.response);
    compare(recording, sent.response, outcome.text);
  } catch (const std::exception& error) {
    outcome.text.emplace_back(error.what());
  }
  if (!outcome.text.empty()) {
    outcome.kind = Outcome::Kind::failed;
  } else if (exception != notes_.exceptions.end()) {
    outcome.kind = Outcome::Kind::excepted;
    outcome.text.push_back(get_string(exception->second, "reason").value_or(""));
  }
  return outcome;
}

// -- requests
// ----------------------------------------------------------------------------------------------------------

std::string Story::theirs_to_ours(std::string text) const {
  text = replace_all(std::move(text), "<root password>", percent_encode(server_.root_password));
  text = replace_all(std::move(text), "<password>", "terraform1");
  for (const char* theirs : {"/var/lib/vz2", "/var/lib/vz3", "/z"}) {
    const std::string ours = (server_.scratch / std::string(theirs).substr(1)).string();
    text = replace_all(std::move(text), "path=" + percent_encode(theirs), "path=" + percent_encode(ours));
  }
  text =
      replace_all(std::move(text), percent_encode(kTheirScratch), percent_encode(server_.scratch.string()));
  for (const auto& [theirs, ours] : upids_) {
    text = replace_all(std::move(text), theirs, ours);
    text = replace_all(std::move(text), percent_encode(theirs), percent_encode(ours));
  }
  for (const auto& [theirs, ours] : pids_)
    text = replace_all(std::move(text), "pid=" + theirs, "pid=" + ours);
  return text;
}

std::string Story::ours_to_theirs(std::string text) const {
  text = replace_all(std::move(text), (server_.scratch / "vmlinuz").string(), "/srv/guest/vmlinuz");
  text = replace_all(std::move(text), (server_.scratch / "tiny.img").string(), "/srv/guest/tiny.img");
  text = replace_all(std::move(text), (server_.scratch / "var/lib/vz2").string(), "/var/lib/vz2");
  text = replace_all(std::move(text), (server_.scratch / "var/lib/vz3").string(), "/var/lib/vz3");
  text = replace_all(std::move(text), server_.scratch.string(), std::string(kTheirScratch));
  text = replace_all(std::move(text), (server_.local / "run/upload").string(), "/var/tmp");
  return replace_all(std::move(text), server_.local.string(), std::string(kTheirLocal));
}

Story::Sent Story::send(const Recording& recording) {
  const bool plain = contains(recording.path, "(plain HTTP)");
  std::string path = recording.path.substr(0, recording.path.find(" (plain HTTP)"));
  path = theirs_to_ours(std::move(path));
  const bool head = recording.method == "HEAD";
  return {send_raw(server_.port, request_text(recording, path, request_body(recording)), plain, head), plain};
}

std::string Story::request_text(const Recording& recording, const std::string& path,
                                const std::string& body) const {
  const bool old = contains(recording.name, "http10");
  std::string text = fmt::format("{} {} HTTP/{}\r\n", recording.method, path, old ? "1.0" : "1.1");
  for (const auto& [name, value] : recording.request_headers) {
    text += fmt::format("{}: {}\r\n", name, header_value(recording, name, value, body));
  }
  return text + "\r\n" + body;
}

std::string Story::header_value(const Recording& recording, const std::string& name, const std::string& value,
                                const std::string& body) const {
  if (name == "Content-Length" && value.size() < 12) return std::to_string(body.size());
  if (name == "Authorization") return authorization(value);
  if (name == "CSRFPreventionToken" && is_placeholder(value)) {
    const std::string cookie = header_of(recording.request_headers, "Cookie");
    const auto token = csrf_.find(user_of_ticket(cookie.substr(cookie.find('=') + 1)));
    const bool belongs = contains(percent_decode(cookie), ":" + value.substr(0, value.find(':')) + ":");
    return token == csrf_.end() || !belongs ? value : token->second;
  }
  if (name == "Cookie" && is_placeholder(value)) {
    const auto ticket = tickets_.find(user_of_ticket(value.substr(value.find('=') + 1)));
    return ticket == tickets_.end() ? value : "PVEAuthCookie=" + percent_encode(ticket->second);
  }
  return value;
}

std::string Story::authorization(const std::string& value) const {
  if (!is_placeholder(value)) return value;
  if (value.starts_with("PVEAuthCookie=")) {
    const auto ticket = tickets_.find(user_of_ticket(value.substr(value.find('=') + 1)));
    return ticket == tickets_.end() ? value : "PVEAuthCookie=" + percent_encode(ticket->second);
  }
  for (const auto& [id, secret] : tokens_) {
    if (contains(value, id + "=")) return replace_all(value, "<uuid>", secret);
  }
  return replace_all(value, "<uuid>", "00000000-1111-2222-3333-444444444444");
}

namespace {

/// Recorded bytes stand as characters below U+0100.
std::string latin1(const std::string& utf8) {
  std::string bytes;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto c = static_cast<unsigned char>(utf8[i]);
    if ((c == 0xC2 || c == 0xC3) && i + 1 < utf8.size()) {
      bytes += static_cast<char>(((c & 3U) << 6U) | (static_cast<unsigned char>(utf8[++i]) & 0x3FU));
    } else {
      bytes += utf8[i];
    }
  }
  return bytes;
}

}  // namespace

std::string Story::request_body(const Recording& recording) const {
  const std::string type = header_of(recording.request_headers, "Content-Type");
  if (type.starts_with("multipart/")) return multipart_body(recording);
  std::string body = recording.request_body;
  if (contains(recording.name, "renew-old-ticket")) {
    return "username=root%40pam&password=" + percent_encode(tickets_.at("root@pam"));
  }
  const auto length =
      std::strtoul(header_of(recording.request_headers, "Content-Length").c_str(), nullptr, 10);
  if (length > 500'000) body.resize(length, 'x');  // recorded without its middle
  if (type == "application/json") return replace_all(body, "<root password>", server_.root_password);
  body = theirs_to_ours(std::move(body));
  static const std::regex digest("digest=[0-9a-f]{40}");
  if (recording.status == 200 && std::regex_search(body, digest)) {
    body = std::regex_replace(body, digest, "digest=" + current_digest(recording));
  }
  return body;
}

std::string Story::current_digest(const Recording& recording) const {
  const std::string path = recording.path.substr(std::string_view("/api2/json").size());
  return get_string(call("GET", path.substr(0, path.rfind('/')) + "/config").as_object(), "digest")
      .value_or("");
}

/// Recordings hold only the beginning of big files: zeros, or a disk image of the recorded size, do as well.
std::string Story::multipart_body(const Recording& recording) const {
  std::string body = latin1(recording.request_body);
  const auto length =
      std::strtoul(header_of(recording.request_headers, "Content-Length").c_str(), nullptr, 10);
  if (!body.ends_with("...") || body.size() >= length) return body;
  const std::string trailer = "\r\n------xyz--\r\n";
  const auto begin = body.rfind("\r\n\r\n") + 4;
  std::string content(length - begin - trailer.size(), '\0');
  if (contains(recording.request_body, ".qcow2")) content = sys::read_file(server_.scratch / "base.qcow2");
  if (recording.task && recording.task->exit_status == "OK") {
    static const std::regex sum("\r\n[0-9a-f]{64}\r\n");
    body = std::regex_replace(body.substr(0, begin), sum, "\r\n" + sys::sha256_hex(content) + "\r\n");
  } else {
    body = body.substr(0, begin);
  }
  return body + content + trailer;
}

// -- what later requests need
// ------------------------------------------------------------------------------------------

void Story::learn(const Recording& recording, const RawResponse& response) {
  const auto ours = try_parse(response.body);
  const auto theirs = try_parse(recording.body);
  if (!ours || !theirs || response.status != 200) return;
  const json::value& data = ours->as_object().at("data");
  const json::value& their_data = theirs->as_object().at("data");
  if (data.is_string() && their_data.is_string()) {
    const std::string upid(their_data.as_string());
    if (upid.starts_with("UPID:")) upids_[upid] = data.as_string();
  }
  if (!data.is_object()) return;
  if (const auto token = get_string(data.as_object(), "full-tokenid")) {
    tokens_[*token] = get_string(data.as_object(), "value").value_or("");
  }
  if (const auto user = get_string(data.as_object(), "username");
      user && data.as_object().contains("ticket")) {
    tickets_[*user] = *get_string(data.as_object(), "ticket");
    csrf_[*user] = get_string(data.as_object(), "CSRFPreventionToken").value_or("");
  }
  if (const auto pid = get_integer(data.as_object(), "pid"); pid && contains(recording.path, "/agent/exec")) {
    pids_[std::to_string(get_integer(their_data.as_object(), "pid").value_or(0))] = std::to_string(*pid);
  }
}

void Story::log_in(const std::string& user, const std::string& password) {
  const std::string form = net::encode_form({{"username", user}, {"password", password}});
  const RawResponse response =
      send_raw(server_.port,
               fmt::format("POST /api2/json/access/ticket HTTP/1.1\r\nHost: asgard\r\nConnection: close\r\n"
                           "Content-Length: {}\r\n\r\n{}",
                           form.size(), form));
  if (response.status != 200)
    throw Error(Errc::denied, "cannot log in as '{}': {} {}", user, response.status, response.body);
  const json::object data = parse(response.body).as_object().at("data").as_object();
  tickets_[user] = *get_string(data, "ticket");
  csrf_[user] = *get_string(data, "CSRFPreventionToken");
}

json::value Story::call(const std::string& method, const std::string& path, const std::string& form,
                        bool lenient, const std::string& token) const {
  std::string text =
      fmt::format("{} /api2/json{} HTTP/1.1\r\nHost: asgard\r\nConnection: close\r\n", method, path);
  if (token.empty()) {
    text += fmt::format("Cookie: PVEAuthCookie={}\r\nCSRFPreventionToken: {}\r\n",
                        percent_encode(tickets_.at("root@pam")), csrf_.at("root@pam"));
  } else {
    text += fmt::format("Authorization: PVEAPIToken={}={}\r\n", token, tokens_.at(token));
  }
  if (!form.empty()) text += fmt::format("Content-Length: {}\r\n", form.size());
  const RawResponse response = send_raw(server_.port, text + "\r\n" + form);
  if (response.status != 200) {
    if (lenient) return nullptr;
    throw Error(Errc::failed, "{} {}: {} {}", method, path, response.status, response.body);
  }
  return parse(response.body).as_object().at("data");
}

json::value Story::wait_task(const std::string& upid) const {
  for (int i = 0; i < 2400; ++i) {
    json::value status = call("GET", "/nodes/" + server_.node + "/tasks/" + upid + "/status");
    if (get_string(status.as_object(), "status") == "stopped") return status;
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  throw Error(Errc::timeout, "task '{}' does not end", upid);
}

// -- comparing
// ---------------------------------------------------------------------------------------------------------

void Story::compare(const Recording& recording, const RawResponse& response,
                    std::vector<std::string>& problems) const {
  const auto found = notes_.exceptions.find(recording.name);
  const json::object none;
  const json::object& exception = found == notes_.exceptions.end() ? none : found->second;
  const auto expected_status = get_integer(exception, "status").value_or(recording.status);
  if (response.status != expected_status) {
    problems.push_back(fmt::format("status {} {} instead of {} {}; body {}", response.status, response.reason,
                                   expected_status, recording.reason, response.body.substr(0, 400)));
    return;
  }
  const std::string wanted = get_string(exception, "reason_phrase").value_or(recording.reason);
  if (normal_text(ours_to_theirs(response.reason)) != normal_text(wanted)) {
    problems.push_back(fmt::format("reason '{}' instead of '{}'", response.reason, wanted));
  }
  if (get_bool(exception, "headers").value_or(true)) compare_headers(recording, response, problems);
  if (get_bool(exception, "body").value_or(true)) compare_body(recording, response, problems);
  if (get_bool(exception, "task").value_or(true)) compare_task(recording, response, problems);
}

void Story::compare_headers(const Recording& recording, const RawResponse& response,
                            std::vector<std::string>& problems) const {
  static const std::regex date("[A-Z][a-z]{2}, \\d\\d [A-Z][a-z]{2} \\d{4} \\d\\d:\\d\\d:\\d\\d GMT");
  for (const auto& [name, value] : recording.headers) {
    const std::string ours = header_of(response.headers, name);
    if (!has_header(response.headers, name)) {
      problems.push_back(fmt::format("header {} is missing", name));
    } else if (name == "Date" || name == "Expires") {
      if (!std::regex_match(ours, date)) problems.push_back(fmt::format("header {}: '{}'", name, ours));
    } else if (name == "Content-Length") {
      if (ours != std::to_string(response.body.size()))
        problems.push_back(fmt::format("header {}: '{}'", name, ours));
    } else if (ours != value) {
      problems.push_back(fmt::format("header {}: '{}' instead of '{}'", name, ours, value));
    }
  }
  for (const auto& [name, value] : response.headers) {
    if (!has_header(recording.headers, name))
      problems.push_back(fmt::format("header {}: {} was not recorded", name, value));
  }
}

void Story::compare_body(const Recording& recording, const RawResponse& response,
                         std::vector<std::string>& problems) const {
  if (has_header(recording.headers, "Content-Encoding")) {
    if (!response.body.starts_with("\x1f\x8b")) problems.emplace_back("body is not gzip");
    return;
  }
  const auto theirs = try_parse(recording.body);
  const auto ours = try_parse(ours_to_theirs(response.body));
  if (!theirs || !ours) {
    if (recording.body != response.body) {
      problems.push_back(fmt::format("body '{}' instead of '{}'", response.body.substr(0, 300),
                                     recording.body.substr(0, 300)));
    }
    return;
  }
  const auto exception = notes_.exceptions.find(recording.name);
  if (exception != notes_.exceptions.end() && get_bool(exception->second, "alike").value_or(false)) {
    compare_kinds(*theirs, *ours, problems);
    return;
  }
  std::vector<std::string> ignored;
  for (const char* key : {"*", recording.name.c_str()}) {
    const auto found = notes_.exceptions.find(key);
    if (found == notes_.exceptions.end() || !found->second.contains("ignore")) continue;
    for (const json::value& place : found->second.at("ignore").as_array())
      ignored.emplace_back(place.as_string());
  }
  for (std::string& problem : Shape(ignored).differences(*theirs, *ours))
    problems.push_back(std::move(problem));
}

/// For lists whose elements depend on what is not put to the node: each of ours has the keys, of the same
/// JSON types, that one of theirs has.
void Story::compare_kinds(const json::value& theirs, const json::value& ours,
                          std::vector<std::string>& problems) const {
  const auto keys_of = [](const json::value& value) {
    std::set<std::string> keys;
    for (const auto& member : value.as_object()) {
      keys.insert(fmt::format("{}:{}", std::string(member.key()), static_cast<int>(member.value().kind())));
    }
    return keys;
  };
  const auto normal = [](std::set<std::string> keys) {  // signed and unsigned are one to JSON
    std::set<std::string> result;
    for (const std::string& key : keys) result.insert(replace_all(key, ":3", ":2"));
    return result;
  };
  std::set<std::set<std::string>> known;
  for (const json::value& row : theirs.as_object().at("data").as_array()) known.insert(normal(keys_of(row)));
  for (const json::value& row : ours.as_object().at("data").as_array()) {
    if (known.count(normal(keys_of(row))) == 0)
      problems.push_back("no recorded row has the keys of " + to_text(row));
  }
}

void Story::compare_task(const Recording& recording, const RawResponse& response,
                         std::vector<std::string>& problems) const {
  if (!recording.task || response.status != 200) return;
  const auto body = try_parse(response.body);
  if (!body || !body->as_object().at("data").is_string()) return;
  const std::string upid(body->as_object().at("data").as_string());
  const json::value status = wait_task(upid);
  const auto normal = [&](const std::string& text) { return normal_text(ours_to_theirs(text)); };
  const std::string exit = normal(get_string(status.as_object(), "exitstatus").value_or(""));
  if (exit != normal_text(recording.task->exit_status)) {
    problems.push_back(
        fmt::format("task ended with '{}' instead of '{}'", exit, recording.task->exit_status));
  }
  const json::value log = call("GET", "/nodes/" + server_.node + "/tasks/" + upid + "/log?limit=0");
  const auto last = get_string(log.as_array().back().as_object(), "t").value_or("");
  if (!recording.task->log.empty() && normal(last) != normal_text(recording.task->log.back())) {
    problems.push_back(fmt::format("last log line '{}' instead of '{}'", last, recording.task->log.back()));
  }
}

}  // namespace hlid::test
