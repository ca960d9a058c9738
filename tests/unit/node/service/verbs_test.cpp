#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "node/service/router.h"
#include "node/service/service.h"
#include "sys/files.h"

namespace hlid::node::service {
namespace {

TEST(Verbs, EachHasASchemaARuleAndAHandler) {
  const Schemas schemas;
  std::set<std::string> seen;
  for (const Verb& verb : all_verbs()) {
    const std::string name = std::string(verb.method) + " " + std::string(verb.path);
    EXPECT_TRUE(seen.insert(name).second) << name << " is there twice";
    EXPECT_NE(schemas.find(verb.method, verb.path), nullptr) << name;
    EXPECT_TRUE(verb.handler) << name;
    if (verb.rule.who == Rule::Who::privileges) {
      EXPECT_FALSE(verb.rule.privileges.empty()) << name;
    }
    if (verb.rule.who == Rule::Who::handler) {
      EXPECT_NE(verb.rule.check, nullptr) << name;
      EXPECT_FALSE(verb.rule.text.empty()) << name;
    }
  }
}

// Whoever changes anything needs more than a login, unless the verb itself looks at what is asked for.
TEST(Verbs, ChangesNeedAPrivilege) {
  const std::set<std::string_view> looks_itself = {"/nodes/{node}/qemu", "/nodes/{node}/tasks/{upid}",
                                                   "/nodes/{node}/storage/{storage}/content/{volume}"};
  for (const Verb& verb : all_verbs()) {
    if (verb.method == "GET" || looks_itself.count(verb.path) != 0) continue;
    EXPECT_NE(verb.rule.who, Rule::Who::user) << verb.method << " " << verb.path;
    if (verb.rule.who == Rule::Who::world) {
      EXPECT_TRUE(verb.path.ends_with("ticket")) << verb.path;
    }
  }
}

TEST(Verbs, TheReferenceIsNotStale) {
  const auto file = std::filesystem::path(HLID_SOURCE_DIR) / "docs/api.md";
  const std::string text = reference(all_verbs(), Schemas());
  if (std::getenv("HLID_ACCEPT") != nullptr) {
    sys::write_durable(file, text);
    GTEST_SKIP() << "docs/api.md was written";
  }
  EXPECT_EQ(sys::read_file_if_exists(file).value_or(""), text) << "run this test with HLID_ACCEPT=1";
}

TEST(Router, FindsVerbsWhateverTheSlashes) {
  const std::vector<Verb> verbs = all_verbs();
  const Router router(verbs);
  const auto path_of = [&](std::string_view method, std::string_view path) -> std::string {
    const auto route = router.find(method, path);
    return route ? std::string(route->verb->path) : "";
  };
  EXPECT_EQ(path_of("GET", "/version"), "/version");
  EXPECT_EQ(path_of("GET", "//version/"), "/version");
  EXPECT_EQ(path_of("GET", "/"), "/");
  EXPECT_EQ(path_of("GET", "/nope"), "");
  EXPECT_EQ(path_of("DELETE", "/version"), "");
  EXPECT_EQ(path_of("DELETE", "/nodes/asgard/qemu/100/"), "/nodes/{node}/qemu/{vmid}");
  EXPECT_EQ(path_of("GET", "/nodes/asgard/qemu/100/status/current"),
            "/nodes/{node}/qemu/{vmid}/status/current");
}

TEST(Router, GivesTheRestOfThePathToVolumes) {
  const std::vector<Verb> verbs = all_verbs();
  const Router router(verbs);
  const auto route = router.find("GET", "/nodes/asgard/storage/local/content/local:iso/x.iso");
  ASSERT_TRUE(route);
  ASSERT_EQ(route->variables.size(), 3U);
  EXPECT_EQ(route->variables[2], (std::pair<std::string_view, std::string>("volume", "local:iso/x.iso")));
}

}  // namespace
}  // namespace hlid::node::service
