#include "support/fake_rke2/commands.h"

#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/access.h"
#include "support/fake_rke2/config.h"
#include "support/fake_rke2/journal.h"
#include "support/fake_rke2/resources.h"
#include "sys/files.h"

namespace hlid::fake_rke2 {
namespace {

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

/// The supervisor that a command talks to: --server, RKE2_URL (both beat the file's `server:`, which is for
/// joining), else the local one.
Access supervisor_of(const Config& config, const std::vector<std::string>& arguments) {
  std::string url = "https://127.0.0.1:9345";
  if (const char* given = std::getenv("RKE2_URL"); given && *given)
    url = given;  // NOLINT(concurrency-mt-unsafe)
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if ((arguments[i] == "--server" || arguments[i] == "-s" || arguments[i] == "--etcd-server") &&
        i + 1 < arguments.size())
      url = arguments[i + 1];
    if (arguments[i].starts_with("--server=")) url = arguments[i].substr(9);
  }
  std::string token;
  if (const auto file = sys::read_file_if_exists(config.layout().token())) token = trim(*file);
  for (std::size_t i = 0; i + 1 < arguments.size(); ++i)
    if (arguments[i] == "--token" || arguments[i] == "-t") token = arguments[i + 1];
  if (token.empty())
    throw Error(Errc::not_found, "open {}: no such file or directory", config.layout().token().string());
  return Access(url, parse_token(token), "server");
}

/// The first word is the subcommand; the rest are its arguments.
std::string take_word(std::vector<std::string>& arguments, const std::string& otherwise) {
  if (arguments.empty() || arguments.front().starts_with('-')) return otherwise;
  auto word = arguments.front();
  arguments.erase(arguments.begin());
  return word;
}

json::value ask_snapshots(const Config& config, const std::vector<std::string>& arguments,
                          json::object order) {
  if (const auto dir = config.text("dir")) order["dir"] = *dir;
  auto access = supervisor_of(config, arguments);
  return parse_json(access.put("/db/snapshot", to_text(order), "POST"), "snapshots");
}

void list_snapshots(const Config& config, const json::value& answer) {
  if (config.text("output", config.text("o", "")) == "json") {
    print(to_text(answer) + "\n");
    return;
  }
  print("Name Location Size Created\n");
  for (const auto& item : answer.at("items").as_array())
    print(fmt::format("{} {} {} {}\n", text_at(item, {"spec", "snapshotName"}),
                      text_at(item, {"spec", "location"}), text_at(item, {"status", "size"}),
                      text_at(item, {"status", "creationTime"})));
}

json::array texts(const std::vector<std::string>& values) {
  json::array out;
  for (const auto& value : values) out.emplace_back(value);
  return out;
}

void print_each(const json::value& answer, const char* key, const char* format) {
  for (const auto& item : answer.at(key).as_array())
    print(fmt::format(fmt::runtime(format), std::string(item.as_string())));
}

template <typename Work>
int guarded(Work work) {
  try {
    work();
    return 0;
  } catch (const std::exception& problem) {
    journal::write("fatal", std::string("Error: ") + problem.what());
    return 1;
  }
}

}  // namespace

int snapshot_command(std::vector<std::string> arguments) {
  return guarded([&] {
    const auto verb = take_word(arguments, "save");
    const auto config = Config::load(arguments, true);
    if (verb == "save") {
      json::object order{{"operation", "save"}};
      if (const auto name = config.text("name")) order["name"] = texts({*name});
      if (config.flag("snapshot-compress") || config.flag("etcd-snapshot-compress")) order["compress"] = true;
      print_each(ask_snapshots(config, arguments, order), "created", "Snapshot {} saved.\n");
    } else if (verb == "ls" || verb == "list" || verb == "l") {
      list_snapshots(config, ask_snapshots(config, arguments, {{"operation", "list"}}));
    } else if (verb == "delete") {
      if (config.words().empty()) throw Error(Errc::usage, "no snapshots given for removal");
      print_each(ask_snapshots(config, arguments, {{"operation", "delete"}, {"name", texts(config.words())}}),
                 "deleted", "Snapshot {} deleted.\n");
    } else if (verb == "prune") {
      json::object order{
          {"operation", "prune"},
          {"retention",
           std::atoi(
               config.text("snapshot-retention", config.text("etcd-snapshot-retention", "5")).c_str())}};
      if (const auto name = config.text("name")) order["name"] = texts({*name});
      print_each(ask_snapshots(config, arguments, order), "deleted", "Snapshot {} deleted.\n");
    } else {
      throw Error(Errc::usage, "No help topic for '{}'", verb);
    }
  });
}

int token_command(std::vector<std::string> arguments) {
  return guarded([&] {
    const auto verb = take_word(arguments, "");
    if (verb != "rotate") throw Error(Errc::usage, "No help topic for '{}'", verb);
    const auto config = Config::load(arguments, true);
    const auto fresh = config.text("new-token");
    if (!fresh) throw Error(Errc::usage, "--new-token is required");
    print(
        "WARNING: Recommended to keep a record of the old token. If restoring from a snapshot, you must use "
        "the token "
        "associated with that snapshot.\n");
    auto access = supervisor_of(config, arguments);
    access.put("/v1-rke2/token", to_text(json::object{{"newToken", *fresh}}));
    print("Token rotated, restart rke2 nodes with new token\n");
  });
}

int encryption_command(std::vector<std::string> arguments) {
  return guarded([&] {
    const auto verb = take_word(arguments, "status");
    const auto config = Config::load(arguments, true);
    auto access = supervisor_of(config, arguments);
    if (verb == "rotate-keys") {
      access.put("/v1-rke2/encrypt/config", R"({"stage":"rotate_keys"})");
      print("keys rotated, reencryption started\n");
      return;
    }
    if (verb != "status") throw Error(Errc::usage, "No help topic for '{}'", verb);
    const auto text = access.get("/v1-rke2/encrypt/status");
    if (config.text("output", config.text("o", "")) == "json") {
      print(text + "\n");
      return;
    }
    const auto status = parse_json(text, "status");
    print("Encryption Status: Enabled\n");
    print("Current Rotation Stage: " + text_at(status, {"Stage"}) + "\n");
    print("Server Encryption Hashes: " +
          (status.at("HashMatch").as_bool() ? std::string("All hashes match")
                                            : text_at(status, {"HashError"})) +
          "\n\n");
    const auto type = text_at(status, {"KeyType"});
    print(fmt::format("Active  Key Type  Name\n------  --------  ----\n *      {}   {}\n", type,
                      text_at(status, {"ActiveKey"})));
    if (const auto* others = status.as_object().if_contains("InactiveKeys"))
      for (const auto& name : others->as_array())
        print(fmt::format("        {}   {}\n", type, std::string(name.as_string())));
    print("\n");
  });
}

}  // namespace hlid::fake_rke2
