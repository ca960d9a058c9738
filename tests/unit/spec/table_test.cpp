// The table of the format: complete, consistent, and the same in the schema, the reference and the checks.
#include <gtest/gtest.h>

#include <functional>
#include <regex>
#include <set>

#include "base/text.h"
#include "spec/field.h"
#include "support/golden.h"
#include "support/spec_world.h"
#include "sys/files.h"

namespace hlid::spec {
namespace {

TEST(Table, EveryFieldIsDescribedAndHasItsParent) {
  std::set<std::string_view> paths;
  for (const auto& field : fields()) {
    EXPECT_TRUE(paths.insert(field.path).second) << field.path << " is there twice";
    EXPECT_FALSE(field.about.empty()) << field.path;
    const bool has_item = find_field(std::string(field.path) + "[]") != nullptr;
    EXPECT_EQ(field.kind == Kind::list, has_item) << field.path;
    const bool ranged = field.kind == Kind::integer || field.kind == Kind::bytes;
    EXPECT_TRUE(!ranged || field.least < field.most) << field.path;
    const bool plain = field.kind == Kind::text;
    EXPECT_TRUE(!plain || field.format != nullptr || !field.choices.empty())
        << field.path << " takes anything";
    const bool has_default = !field.fallback.empty() || !field.default_text.empty();
    EXPECT_FALSE(field.required && has_default) << field.path;
  }
}

TEST(Table, ExamplesAndDefaultsPassTheirOwnChecks) {
  for (const auto& field : fields()) {
    for (const auto text : {field.example, field.fallback}) {
      if (text.empty() || field.kind != Kind::text) continue;
      const auto bare = replace_all(std::string(text), "\"", "");
      EXPECT_TRUE(field.format == nullptr || !field.format->check(bare)) << field.path << ": " << bare;
    }
  }
}

/// Words of all kinds, good and bad for one format or another.
const std::vector<std::string> kWords{"",
                                      "a",
                                      "A",
                                      "lab",
                                      "Lab",
                                      "a-b",
                                      "-a",
                                      "a-",
                                      "a_b",
                                      "a.b",
                                      "a b",
                                      "9",
                                      "asgard",
                                      "local-zfs",
                                      "vmbr0",
                                      "0a",
                                      "https://asgard.lan:8006",
                                      "https://asgard.lan",
                                      "http://asgard.lan",
                                      "https://",
                                      "https://a/b",
                                      "ftp://a",
                                      "http://archive.example.org/ubuntu",
                                      "env:TOKEN",
                                      "env:",
                                      "env:A B",
                                      "file:~/x",
                                      "file:",
                                      "cmd:pass x",
                                      "cmd: ",
                                      "/a",
                                      "~/a",
                                      "./a",
                                      "a/b",
                                      "10.10.10.1",
                                      "10.10.10.256",
                                      "10.10.10",
                                      "010.1.1.1",
                                      "10.10.10.0/24",
                                      "10.0.0.0/7",
                                      "10.0.0.0/31",
                                      "fr_FR.UTF-8",
                                      "C.UTF-8",
                                      "fr_FR",
                                      "fr",
                                      "FR_fr.UTF-8",
                                      "Europe/Paris",
                                      "vim",
                                      "g++",
                                      "Vim",
                                      "odin",
                                      "root",
                                      "_x",
                                      "Odin",
                                      "rke2",
                                      "hlid",
                                      "a+b",
                                      "v1.34.1+rke2r1",
                                      "v1.34.1+k3s1",
                                      "1.34.1",
                                      "v1.34",
                                      "stable",
                                      "nightly",
                                      "00:00",
                                      "23:59",
                                      "24:00",
                                      "2:00",
                                      "fr us",
                                      std::string(63, 'a'),
                                      std::string(64, 'a'),
                                      "ssh-ed25519 AAAA",
                                      "AB:CD"};

TEST(Formats, ThePatternForEditorsSaysWhatTheCheckSays) {
  // these checks know more than a pattern can say: existing zones, host bits, whole keys, ports
  const std::set<const Format*> looser{&format::kTimeZone, &format::kNetwork, &format::kPublicKey};
  for (const auto& field : fields()) {
    if (field.format == nullptr || field.format->pattern.empty()) continue;
    const std::regex pattern(std::string(field.format->pattern));
    for (const auto& word : kWords) {
      const bool matches = std::regex_search(word, pattern);
      const bool passes = !field.format->check(word);
      if (looser.count(field.format) != 0) {
        EXPECT_TRUE(matches || !passes) << field.path << ": '" << word << "'";
      } else {
        EXPECT_EQ(matches, passes) << field.path << ": '" << word << "'";
      }
    }
  }
}

std::size_t count_properties(const json::value& value) {
  std::size_t count = 0;
  if (value.is_array())
    for (const auto& item : value.get_array()) count += count_properties(item);
  if (!value.is_object()) return count;
  for (const auto& [key, child] : value.get_object()) {
    if (key == "properties") count += child.as_object().size();
    count += count_properties(child);
  }
  return count;
}

TEST(Schema, HasEveryKeyOfTheTable) {
  std::size_t keys = 0;
  for (const auto& field : fields()) {
    const auto name = last_name(field.path);
    const bool is_item = name == "*" || (name.size() > 2 && name.substr(name.size() - 2) == "[]");
    if (!is_item) ++keys;
  }
  EXPECT_EQ(count_properties(schema()), keys);
}

TEST(Schema, RefusesUnknownKeysEverywhere) {
  const std::function<void(const json::value&)> walk = [&](const json::value& value) {
    if (value.is_array())
      for (const auto& item : value.get_array()) walk(item);
    if (!value.is_object()) return;
    const auto& object = value.get_object();
    const bool open =
        object.contains("properties") && object.at("additionalProperties") != json::value(false);
    EXPECT_FALSE(open) << to_text(value);
    for (const auto& item : object) walk(item.value());
  };
  walk(schema());
}

TEST(Schema, IsAsTheGoldenSays) {
  test::expect_golden("spec/schema.json", to_pretty_text(schema()));
}

TEST(Reference, IsNotStale) {
  const auto path = std::string(HLID_SOURCE_DIR) + "/docs/file.md";
  const char* accept = std::getenv("HLID_ACCEPT");
  if (accept != nullptr && std::string(accept) == "1") {
    sys::write_durable(path, reference());
    GTEST_SKIP() << "docs/file.md rewritten";
  }
  EXPECT_EQ(sys::read_file_if_exists(path).value_or(""), reference())
      << "docs/file.md is made from the table: rewrite it with HLID_ACCEPT=1";
}

}  // namespace
}  // namespace hlid::spec
