#pragma once
#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "net/http_client.h"

namespace hlid::test {

/// A Proxmox VE in memory, behind the client's transport: guests with configurations, power and tasks that
/// end at once; just enough of it to see what drive does to a hypervisor. It copies no rule of the real one
/// beyond those; the contract tests compare with that.
class FakePve : public net::HttpClient {
 public:
  struct Guest {
    std::map<std::string, std::string> config;
    bool running = false;
    bool agent = true;    ///< answers as soon as it runs
    std::string address;  ///< seen by the agent; empty: that of ipconfig0
    std::map<std::string, std::string> files;
  };
  std::map<int, Guest> guests;
  std::string repoid = "hlid-node-test";
  std::set<std::string> storages{"local"};
  std::map<std::string, std::string> bridges;  ///< name → CIDR
  /// By lab, as hlid/publish takes them; `publish_error` refuses any.
  std::map<std::string, std::vector<std::string>> published;
  std::string publish_error;
  std::set<std::string> volumes;
  std::map<std::string, std::int64_t> volume_sizes;  ///< of those that were uploaded
  /// What the guests' agents do with guest-exec: its argv and standard input; any thread.
  struct Executed {
    int status = 0;
    std::string output, error_output;
  };
  std::function<Executed(int vmid, const std::vector<std::string>& argv, const std::string& input)> exec;
  std::vector<std::string>
      calls;  ///< "POST /nodes/asgard/qemu/100/status/start", those that change something
  /// Called before each request; may answer in its place.
  std::function<std::optional<net::HttpResponse>(const net::HttpRequest&)> before;

  net::HttpResponse send(const net::HttpRequest& request, std::stop_token = {}) override {
    const std::lock_guard lock(mutex_);
    if (before)
      if (auto answer = before(request)) return *answer;
    const auto target = request.url.substr(request.url.find("/api2/json") + 10);
    const auto question = target.find('?');
    auto form = question == std::string::npos ? net::Form{} : net::decode_form(target.substr(question + 1));
    for (auto& item : net::decode_form(request.body)) form.push_back(std::move(item));
    Call call{request.method, {}, {}, &request};
    for (const auto& part : split_list(target.substr(0, question), "/"))
      call.path.push_back(percent_decode(part));
    for (auto& [key, value] : form) call.form[key] = value;
    if (request.method != "GET" && !contains(target, "/agent/"))
      calls.push_back(request.method + " " + percent_decode(target.substr(0, question)));
    return dispatch(call);
  }

 private:
  struct Call {
    std::string method;
    std::vector<std::string> path;
    std::map<std::string, std::string> form;
    const net::HttpRequest* request;
    bool is(const std::string& wanted_method, const std::vector<std::string>& pattern) const {
      if (method != wanted_method || path.size() != pattern.size()) return false;
      for (std::size_t i = 0; i < pattern.size(); ++i)
        if (pattern[i] != "*" && pattern[i] != path[i]) return false;
      return true;
    }
  };

  static net::HttpResponse ok(const json::value& data) {
    return {200, "OK", {}, to_text(json::object{{"data", data}})};
  }
  static net::HttpResponse error(const std::string& text) { return {500, text, {}, R"({"data":null})"}; }
  net::HttpResponse task(const std::string& type, const std::string& id, const std::string& failure = {}) {
    const auto upid = fmt::format("UPID:asgard:00000001:00000001:{:08X}:{}:{}:root@pam:", ++tasks_, type, id);
    endings_[upid] = failure.empty() ? "OK" : failure;
    return ok(json::string(upid));
  }

  net::HttpResponse dispatch(const Call& call) {
    if (call.is("GET", {"version"}))
      return ok({{"version", "8.4.21"}, {"release", "8.4"}, {"repoid", repoid}});
    if (call.is("GET", {"nodes"}))
      return ok(json::array{json::object{{"node", "asgard"},
                                         {"status", "online"},
                                         {"maxcpu", 8},
                                         {"maxmem", 25769803776},
                                         {"mem", 1073741824}}});
    if (call.is("GET", {"cluster", "resources"})) return ok(resources());
    if (call.is("GET", {"nodes", "*", "storage"})) return ok(storage_rows());
    if (call.is("POST", {"storage"})) {
      storages.insert(call.form.at("storage"));
      return ok({{"storage", call.form.at("storage")}, {"type", "dir"}});
    }
    if (call.path.size() >= 3 && call.path[2] == "network") return network(call);
    if (call.path.size() == 4 && call.path[2] == "hlid" && contains(repoid, "hlid-node"))
      return publish(call);
    if (call.is("POST", {"nodes", "*", "storage", "*", "upload"})) {
      return uploaded(call);
    }
    if (call.is("GET", {"nodes", "*", "storage", "*", "content"})) return ok(volume_rows());
    if (call.path.size() > 5 && call.method == "DELETE" && call.path[4] == "content") {
      std::vector<std::string> rest(call.path.begin() + 5, call.path.end());
      volumes.erase(join(rest, "/"));
      return task("imgdel", "local");
    }
    if (call.is("GET", {"nodes", "*", "tasks", "*", "status"}))
      return ok({{"status", "stopped"}, {"exitstatus", endings_[call.path[3]]}});
    if (call.is("GET", {"nodes", "*", "tasks", "*", "log"})) return ok(json::array{});
    if (call.is("POST", {"nodes", "*", "qemu"})) return create(call);
    if (call.path.size() >= 4 && call.path[2] == "qemu") return guest_call(call);
    return {501, "Method not implemented", {}, ""};
  }

  net::HttpResponse uploaded(const Call& call) {
    const auto& upload = *call.request->upload;
    std::string content = "import";
    for (const auto& [key, value] : upload.fields)
      if (key == "content") content = value;
    const auto id = fmt::format("{}:{}/{}", call.path[3], content, upload.file_name);
    volumes.insert(id);
    std::error_code none;
    volume_sizes[id] = static_cast<std::int64_t>(std::filesystem::file_size(upload.file, none));
    return task("imgcopy", "");
  }

  net::HttpResponse create(const Call& call) {
    const int id = std::stoi(call.form.at("vmid"));
    if (guests.contains(id)) return error("unable to create VM - already exists");
    auto& guest = guests[id];
    guest.config = call.form;
    guest.config.erase("vmid");
    for (auto& [key, value] : guest.config)
      if (contains(value, "import-from=")) value = value.substr(0, value.find(':')) + ":vm-disk-0,size=4G";
    return task("qmcreate", call.form.at("vmid"));
  }

  net::HttpResponse guest_call(const Call& call) {
    const int id = std::stoi(call.path[3]);
    const auto found = guests.find(id);
    if (found == guests.end())
      return error(fmt::format("Configuration file 'nodes/asgard/qemu-server/{}.conf' does not exist", id));
    auto& guest = found->second;
    const std::vector<std::string> verb(call.path.begin() + 4, call.path.end());
    const auto name = join(verb, "/");
    if (name.empty() && call.method == "DELETE") {
      if (guest.running) return error(fmt::format("VM {} is running - destroy failed", id));
      guests.erase(found);
      return task("qmdestroy", call.path[3]);
    }
    if (name == "config") return config(call, guest);
    if (name == "pending") return ok(json::array{});
    if (name == "clone") return clone(call, guest);
    if (name == "resize") {
      auto& disk = guest.config[call.form.at("disk")];
      disk = disk.substr(0, disk.find(',')) + ",size=" + call.form.at("size");
      return task("resize", call.path[3]);
    }
    if (name == "template") {
      guest.config["template"] = "1";
      return task("qmtemplate", call.path[3]);
    }
    if (name == "status/current")
      return ok({{"status", guest.running ? "running" : "stopped"},
                 {"qmpstatus", guest.running ? "running" : "stopped"},
                 {"name", guest.config["name"]}});
    if (name == "status/start") {
      if (guest.running) return task("qmstart", call.path[3], fmt::format("VM {} already running", id));
      guest.running = true;
      return task("qmstart", call.path[3]);
    }
    if (name == "status/stop" || name == "status/shutdown") {
      guest.running = false;
      return task("qmstop", call.path[3]);
    }
    if (verb.front() == "agent") return agent(call, guest, id);
    return {501, "Method not implemented", {}, ""};
  }

  net::HttpResponse config(const Call& call, Guest& guest) {
    if (call.method == "GET") {
      json::object object;
      for (const auto& [key, value] : guest.config) object[key] = value;
      return ok(object);
    }
    for (const auto& [key, value] : call.form) {
      if (key == "delete") {
        for (const auto& gone : split_list(value, ",")) guest.config.erase(gone);
      } else if (key != "skiplock") {
        guest.config[key] = contains(value, ":cloudinit")
                                ? value.substr(0, value.find(':')) + ":vm-cloudinit,media=cdrom"
                                : value;
      }
    }
    return ok(nullptr);
  }

  net::HttpResponse clone(const Call& call, const Guest& source) {
    const int id = std::stoi(call.form.at("newid"));
    if (guests.contains(id))
      return error(fmt::format("unable to create VM {}: config file already exists", id));
    Guest made;
    made.config = source.config;
    made.files = source.files;
    for (const char* key : {"template", "smbios1"}) made.config.erase(key);
    made.config["name"] = call.form.at("name");
    made.config["description"] = call.form.contains("description") ? call.form.at("description") : "";
    guests[id] = made;
    return task("qmclone", call.path[3]);
  }

  net::HttpResponse agent(const Call& call, const Guest& guest, int id) {
    if (!guest.running) return error(fmt::format("VM {} is not running", id));
    if (!guest.agent) return error("QEMU guest agent is not running");
    const auto& verb = call.path[5];
    if (verb == "ping") return ok({{"result", json::object{}}});
    if (verb == "network-get-interfaces") return ok({{"result", json::array{interface(guest)}}});
    if (verb == "file-read") {
      const auto file = guest.files.find(call.form.at("file"));
      if (file == guest.files.end())
        return error("Agent error: failed to open file '" + call.form.at("file") +
                     "' (mode: 'r'): No such file or directory");
      return ok({{"content", file->second}, {"bytes-read", file->second.size()}});
    }
    if (verb == "exec" && exec) return executed(call, id);
    if (verb == "exec-status" && results_.contains(call.form.at("pid")))
      return ok(results_.at(call.form.at("pid")));
    return error("Agent error: not in this fake");
  }

  /// Bytes arrive as the characters of their numbers.
  static std::string of_latin1(const std::string& bytes) {
    std::string text;
    for (const char c : bytes) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x80) {
        text += c;
      } else {
        text += static_cast<char>(0xC0 | (byte >> 6));
        text += static_cast<char>(0x80 | (byte & 0x3F));
      }
    }
    return text;
  }

  net::HttpResponse executed(const Call& call, int id) {
    std::vector<std::string> argv;
    for (const auto& [key, value] : net::decode_form(call.request->body))
      if (key == "command") argv.push_back(value);
    const auto input = call.form.find("input-data");
    const auto done = exec(id, argv, input == call.form.end() ? "" : input->second);
    const auto pid = std::to_string(++pids_);
    results_[pid] = {{"exited", 1},
                     {"exitcode", done.status},
                     {"out-data", of_latin1(done.output)},
                     {"err-data", of_latin1(done.error_output)}};
    return ok({{"pid", pids_}});
  }

  static json::object interface(const Guest& guest) {
    auto address = guest.address;
    if (address.empty() && guest.config.contains("ipconfig0")) {
      const auto& text = guest.config.at("ipconfig0");
      address = text.substr(3, text.find('/') - 3);
    }
    return {{"name", "eth0"},
            {"hardware-address", "02:00:00:00:00:01"},
            {"ip-addresses", json::array{json::object{{"ip-address", address}, {"prefix", 24}}}}};
  }

  net::HttpResponse publish(const Call& call) {
    if (call.method == "PUT") {
      if (!publish_error.empty())
        return {400,
                "Parameter verification failed.",
                {},
                to_text(json::object{{"data", nullptr}, {"errors", {{"ports", publish_error}}}})};
      auto& ports = published[call.form.at("lab")];
      ports.clear();
      for (const auto& [key, value] : net::decode_form(call.request->body))
        if (key == "ports") ports.push_back(value);
      return ok(nullptr);
    }
    json::array rows;
    for (const auto& [lab, ports] : published)
      for (const auto& text : ports) {
        json::object row{{"lab", lab}, {"active", 1}, {"connections", 2}};
        for (const auto& item : split(text, ','))
          row[item.substr(0, item.find('='))] = item.substr(item.find('=') + 1);
        row["backends"] =
            json::array{json::object{{"address", "x"}, {"health", "up"}},
                        json::object{{"address", "y"}, {"health", "down"}, {"error", "refused"}}};
        rows.push_back(row);
      }
    return ok(rows);
  }

  net::HttpResponse network(const Call& call) {
    if (call.method == "GET") {
      json::array rows;
      for (const auto& [name, cidr] : bridges)
        rows.push_back(json::object{{"iface", name}, {"type", "bridge"}, {"active", 1}, {"cidr", cidr}});
      return ok(rows);
    }
    if (call.is("PUT", {"nodes", "*", "network"})) return task("srvreload", "networking");
    bridges[call.method == "PUT" ? call.path[3] : call.form.at("iface")] = call.form.at("cidr");
    return ok(nullptr);
  }

  json::array resources() const {
    json::array rows;
    for (const auto& [id, guest] : guests) {
      json::object row{{"type", "qemu"},
                       {"vmid", id},
                       {"node", "asgard"},
                       {"id", fmt::format("qemu/{}", id)},
                       {"status", guest.running ? "running" : "stopped"}};
      for (const char* key : {"name", "tags"})
        if (guest.config.contains(key)) row[key] = guest.config.at(key);
      row["template"] = guest.config.contains("template") ? 1 : 0;
      rows.push_back(row);
    }
    return rows;
  }
  json::array storage_rows() const {
    json::array rows;
    for (const auto& id : storages)
      rows.push_back(json::object{{"storage", id},
                                  {"type", "dir"},
                                  {"content", "images,iso,import"},
                                  {"active", 1},
                                  {"total", 1099511627776},
                                  {"avail", 549755813888}});
    return rows;
  }
  json::array volume_rows() const {
    json::array rows;
    for (const auto& id : volumes)
      rows.push_back(json::object{{"volid", id},
                                  {"content", contains(id, ":iso/") ? "iso" : "import"},
                                  {"format", contains(id, ":iso/") ? "iso" : "qcow2"},
                                  {"size", volume_sizes.contains(id) ? volume_sizes.at(id) : 0}});
    return rows;
  }

  std::mutex mutex_;
  int tasks_ = 0;
  int pids_ = 0;
  std::map<std::string, json::object> results_;  ///< by pid
  std::map<std::string, std::string> endings_;
};

}  // namespace hlid::test
