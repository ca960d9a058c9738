#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json.hpp>

#include "base/text.h"
#include "node/auth/authenticator.h"
#include "node/auth/permissions.h"
#include "node/auth/secret_files.h"
#include "node/auth/tickets.h"
#include "node/auth/users.h"
#include "support/fake_clock.h"
#include "sys/files.h"
#include "wire/api_error.h"

namespace hlid::node::auth {
namespace {

/// `data` of a recorded answer of the real API.
json::value recorded(const std::string& name) {
  const auto text =
      sys::read_file(std::string(HLID_SOURCE_DIR) + "/tests/contract/recordings/" + name + ".json");
  const auto recording = parse_json(text);
  const std::string body(recording.at("response").at("body").as_string());
  return parse_json(body).at("data");
}

template <typename Call>
std::string failure_of(Call call) {
  try {
    call();
    return "";
  } catch (const wire::ApiError& error) {
    if (error.errors().empty()) return fmt::format("{} {}", error.status(), error.message());
    return fmt::format("{} {}: {}", error.status(), error.errors().begin()->first,
                       error.errors().begin()->second);
  }
}

class AuthTest : public ::testing::Test {
 protected:
  AuthTest() {
    sys::make_folder(priv(), 0700);
    open();
  }
  std::filesystem::path priv() const { return folder_.path() / "priv"; }
  void open() {
    users_.emplace(folder_.path() / "user.cfg", priv(), clock_, random_);
    permissions_.emplace(*users_);
    authenticator_.emplace(*users_, *permissions_, tickets(), clock_);
  }
  /// One key for all tests: making it takes longer than they do.
  static const Tickets& tickets() {
    static const sys::TempFolder folder;
    static const Tickets tickets(folder.path() / "authkey.pem");
    return tickets;
  }
  /// terra@pve with PVEAdmin at "/", a separated token `ci` and a full one, as in recordings 397 to 412.
  void make_terra() {
    users_->create_user("terra@pve", {}, Secret("terraform1"));
    users_->update_acl({"/", {"PVEAdmin"}, {"terra@pve"}});
    ci_ = users_->create_token("terra@pve", "ci", {});
    TokenChange full;
    full.privsep = false;
    full_ = users_->create_token("terra@pve", "full", full);
  }
  Identity terra_{"terra@pve"};
  Identity terra_ci_{"terra@pve", "ci"};
  Identity terra_full_{"terra@pve", "full"};
  Identity root_{"root@pam"};

  sys::TempFolder folder_;
  test::FakeClock clock_;
  sys::SystemRandom random_;
  std::optional<Users> users_;
  std::optional<Permissions> permissions_;
  std::optional<Authenticator> authenticator_;
  Secret ci_, full_;
};

TEST_F(AuthTest, BuiltInRolesAreProxmoxs) {
  const auto roles = recorded("392-access-roles").as_array();
  ASSERT_EQ(roles.size(), builtin_roles().size());
  for (const auto& role : roles) {
    const std::string name(role.at("roleid").as_string());
    const auto privileges = privileges_of_role({}, name);
    ASSERT_TRUE(privileges) << name;
    std::string text;
    for (const auto privilege : names_of(*privileges))
      text += (text.empty() ? "" : ",") + std::string(privilege);
    EXPECT_EQ(text, role.at("privs").as_string()) << name;
  }
}

TEST_F(AuthTest, CapabilitiesAreProxmoxs) {
  make_terra();
  EXPECT_EQ(json::value(permissions_->capabilities(root_)), recorded("002-ticket-ok").at("cap"));
  EXPECT_EQ(json::value(permissions_->capabilities(terra_)), recorded("447-user-ticket-pve").at("cap"));
}

TEST_F(AuthTest, ThePermissionTreeIsProxmoxs) {
  make_terra();
  users_->update_acl({"/vms/101", {"PVEVMUser"}, {}, {}, {"terra@pve!ci"}});
  EXPECT_EQ(json::value(permissions_->tree(terra_full_)), recorded("436-token-full-permissions"));
  EXPECT_TRUE(permissions_->tree({"terra@pve", "none"}).empty());
}

TEST_F(AuthTest, ASeparatedTokenMayOnlyWhatBothMay) {
  make_terra();
  EXPECT_FALSE(permissions_->has(terra_ci_, "/vms/101", "VM.Audit"));
  EXPECT_EQ(failure_of([&] { permissions_->require(terra_ci_, "/vms/101", {"VM.Audit"}); }),  // recording 420
            "403 Permission check failed (/vms/101, VM.Audit)");
  EXPECT_EQ(failure_of([&] {  // recording 426
              permissions_->require(terra_ci_, "/storage/local",
                                    {"Datastore.Audit", "Datastore.AllocateSpace"}, true);
            }),
            "403 Permission check failed (/storage/local, Datastore.Audit|Datastore.AllocateSpace)");
  users_->update_acl({"/vms/101", {"PVEVMUser"}, {}, {}, {"terra@pve!ci"}});
  EXPECT_TRUE(permissions_->has(terra_ci_, "/vms/101", "VM.Audit"));
  EXPECT_FALSE(permissions_->has(terra_ci_, "/vms/101", "VM.Config.Memory"));
  EXPECT_FALSE(permissions_->has(terra_ci_, "/vms/102", "VM.Audit"));
  // What its user loses, the token loses.
  users_->update_acl({"/", {"PVEAdmin"}, {"terra@pve"}, {}, {}, true, true});
  EXPECT_FALSE(permissions_->has(terra_ci_, "/vms/101", "VM.Audit"));
}

TEST_F(AuthTest, TheNearestEntryDecides) {
  make_terra();
  users_->create_user("u@pve", {}, std::nullopt);
  users_->create_group("ops", "");
  UserChange join_ops;
  join_ops.groups = {"ops"};
  users_->update_user("u@pve", join_ops);
  const Identity u{"u@pve"};
  users_->update_acl({"/", {"PVEAuditor"}, {}, {"ops"}});
  EXPECT_TRUE(permissions_->has(u, "/vms/100", "VM.Audit"));
  users_->update_acl({"/vms", {"PVEVMUser"}, {"u@pve"}});
  EXPECT_TRUE(permissions_->has(u, "/vms/100", "VM.PowerMgmt"));
  EXPECT_TRUE(permissions_->has(u, "/nodes/asgard", "Sys.Audit"));
  users_->update_acl({"/vms/100", {"NoAccess"}, {"u@pve"}});
  EXPECT_FALSE(permissions_->has(u, "/vms/100", "VM.Audit"));
  EXPECT_TRUE(permissions_->has(u, "/vms/101", "VM.Audit"));
  // The user's own entry at a level counts, not the group's at the same level.
  users_->update_acl({"/storage", {"PVEDatastoreUser"}, {"u@pve"}});
  users_->update_acl({"/storage", {"PVEDatastoreAdmin"}, {}, {"ops"}});
  EXPECT_FALSE(permissions_->has(u, "/storage/local", "Datastore.Allocate"));
  AclChange here{"/pool/lab", {"PVEPoolUser"}, {"u@pve"}};
  here.propagate = false;
  users_->update_acl(here);
  EXPECT_TRUE(permissions_->has(u, "/pool/lab", "Pool.Audit"));
  EXPECT_EQ(permissions_->tree(u, "/pool/lab").at("/pool/lab"), (json::object{{"Pool.Audit", 0}}));
}

TEST_F(AuthTest, APoolGrantsToItsMembers) {
  users_->create_user("u@pve", {}, std::nullopt);
  users_->change([](config::UserCfg& cfg) {
    cfg.pools["lab"].storages = {"local"};
    cfg.acl.push_back({"/pool/lab", "u@pve", "PVEAdmin", true});
  });
  const Identity u{"u@pve"};
  EXPECT_FALSE(permissions_->has(u, "/vms/101", "VM.Audit"));
  permissions_->add_to_pool("lab", {101});
  EXPECT_TRUE(permissions_->has(u, "/vms/101", "VM.Audit"));
  EXPECT_TRUE(permissions_->has(u, "/storage/local", "Datastore.AllocateSpace"));
  EXPECT_FALSE(permissions_->has(u, "/vms/102", "VM.Audit"));
  permissions_->forget_machine({101});
  EXPECT_FALSE(permissions_->has(u, "/vms/101", "VM.Audit"));
  EXPECT_EQ(failure_of([&] { permissions_->add_to_pool("none", {1}); }), "500 pool 'none' does not exist");
}

TEST_F(AuthTest, RootsTokenHasAllButIsNotRoot) {
  TokenChange full;
  full.privsep = false;
  users_->create_token("root@pam", "full", full);
  const Identity token{"root@pam", "full"};
  EXPECT_TRUE(permissions_->has(token, "/vms/100", "Permissions.Modify"));
  EXPECT_EQ(failure_of([&] { permissions_->require_root(token); }),
            "403 Permission check failed (user != root@pam)");
  EXPECT_EQ(failure_of([&] { permissions_->require_root(root_); }), "");
  users_->create_token("root@pam", "sep", {});
  EXPECT_FALSE(permissions_->has({"root@pam", "sep"}, "/vms/100", "VM.Audit"));
}

TEST_F(AuthTest, TokensProveThemselves) {
  make_terra();
  const auto check = [&](const std::string& text) {
    return failure_of([&] { authenticator_->check_token(text); });
  };
  EXPECT_EQ(check("terra@pve!ci=" + ci_.reveal()), "");
  EXPECT_EQ(check("terra@pve!ci " + ci_.reveal()), "");  // recording 452
  const std::string no = "401 Authentication failed!";
  for (const auto& wrong :
       {"terra@pve!ci=" + full_.reveal(), "terra@pve!zz=" + ci_.reveal(), std::string("terra@pve!ci="),
        std::string("terra@pve!ci"), std::string(), std::string("=!"), "root@pam!ci=" + ci_.reveal()})
    EXPECT_EQ(check(wrong), no) << wrong;
  TokenChange expired;
  expired.expire = clock_.unix_seconds();
  users_->update_token("terra@pve", "ci", expired);
  EXPECT_EQ(check("terra@pve!ci=" + ci_.reveal()), no);
  UserChange disabled;
  disabled.enable = false;
  users_->update_user("terra@pve", disabled);
  EXPECT_EQ(check("terra@pve!full=" + full_.reveal()), no);  // recording 453
}

TEST_F(AuthTest, SecretsAreNeverStoredInTheClear) {
  make_terra();
  struct stat info {};
  for (const auto* name : {"token.cfg", "shadow.cfg"}) {
    const auto text = sys::read_file(priv() / name);
    EXPECT_FALSE(contains(text, ci_.reveal()) || contains(text, "terraform1")) << name;
    ASSERT_EQ(::stat((priv() / name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << name;
  }
  open();
  EXPECT_EQ(authenticator_->check_token("terra@pve!full=" + full_.reveal()), terra_full_);
}

TEST_F(AuthTest, LoginGivesATicketInProxmoxsShape) {
  make_terra();
  const auto login = authenticator_->login("terra@pve", Secret("terraform1"));
  const auto start = fmt::format("PVE:terra@pve:{:08X}::", clock_.unix_seconds());
  EXPECT_EQ(login.ticket.substr(0, start.size()), start);
  EXPECT_EQ(login.ticket.size(), start.size() + 344);  // recording 447
  EXPECT_EQ(login.csrf.size(), 9U + 43U);
  EXPECT_EQ(authenticator_->check_ticket(login.ticket), terra_);
  EXPECT_EQ(failure_of([&] { authenticator_->check_csrf(terra_, login.csrf); }), "");
  EXPECT_EQ(failure_of([&] { authenticator_->check_csrf(root_, login.csrf); }),
            "401 Permission denied - invalid csrf token");
  EXPECT_EQ(failure_of([&] { authenticator_->check_csrf(terra_, ""); }),
            "401 Permission denied - invalid csrf token");
}

TEST_F(AuthTest, AllFailedLoginsLookTheSame) {
  make_terra();
  const std::string no = "401 authentication failure";
  const auto login = [&](const std::string& user, const std::string& password) {
    return failure_of([&] { authenticator_->login(user, Secret(password)); });
  };
  for (const auto& [user, password] :
       std::vector<std::pair<std::string, std::string>>{{"terra@pve", "wrong"},
                                                        {"terra@pve", ""},
                                                        {"nobody@pve", "x"},
                                                        {"root@nope", "x"},
                                                        {"root@pam", ""},
                                                        {"root", "x"},
                                                        {"", ""},
                                                        {"terra@pve", "PVE:terra@pve:00000000::AAAA"}})
    EXPECT_EQ(login(user, password), no) << user;
  UserChange disabled;
  disabled.enable = false;
  users_->update_user("terra@pve", disabled);
  EXPECT_EQ(login("terra@pve", "terraform1"), no);  // recording 454
}

TEST_F(AuthTest, TicketsExpireAndRenewThemselves) {
  make_terra();
  const auto login = authenticator_->login("terra@pve", Secret("terraform1"));
  clock_.tick(std::chrono::minutes(119));
  const auto renewed = authenticator_->login("terra@pve", Secret(login.ticket));  // recording 006
  clock_.tick(std::chrono::minutes(2));
  EXPECT_EQ(failure_of([&] { authenticator_->check_ticket(login.ticket); }), "401 Authentication failed!");
  EXPECT_NE(failure_of([&] { authenticator_->check_csrf(terra_, login.csrf); }), "");
  EXPECT_EQ(authenticator_->check_ticket(renewed.ticket), terra_);
  // Nobody's ticket but his own, or root's, logs a user in.
  users_->create_user("other@pve", {}, std::nullopt);
  EXPECT_NE(failure_of([&] { authenticator_->login("other@pve", Secret(renewed.ticket)); }), "");
  const auto roots = tickets().sign("root@pam", clock_.unix_seconds());
  EXPECT_EQ(failure_of([&] { authenticator_->login("other@pve", Secret(roots)); }), "");
  EXPECT_EQ(failure_of([&] { authenticator_->verify("terra@pve", Secret(roots), "/vms/1", {"VM.Audit"}); }),
            "");
  EXPECT_NE(failure_of([&] { authenticator_->verify("terra@pve", Secret(roots), "/", {"Sys.Modify"}); }), "");
}

TEST_F(AuthTest, ForgedTicketsAreRefused) {
  const auto now = clock_.unix_seconds();
  const auto good = tickets().sign("terra@pve", now);
  ASSERT_EQ(tickets().check(good, now), "terra@pve");
  for (std::size_t i = 0; i < good.size(); i += 7) {
    auto bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(tickets().check(bad, now), std::nullopt) << i;
  }
  for (const std::string bad : {"", "PVE:", "PVE:x", "PVE:root@pam:00000000::", "PVE::::", "PVE:!tfa!:0::x"})
    EXPECT_EQ(tickets().check(bad, now), std::nullopt) << bad;
  EXPECT_EQ(tickets().check(good, now - 600), std::nullopt);
}

TEST_F(AuthTest, ChangesFailWithProxmoxsTexts) {
  make_terra();
  EXPECT_EQ(failure_of([&] { users_->create_user("terra@pve", {}, {}); }),  // recording 398
            "500 create user failed: user 'terra@pve' already exists");
  EXPECT_EQ(failure_of([&] { users_->create_token("terra@pve", "ci", {}); }),  // recording 413
            "400 tokenid: Token already exists.");
  EXPECT_EQ(failure_of([&] { users_->token("terra@pve", "zz"); }),  // recording 417
            "500 no such token 'zz' for user 'terra@pve'");
  EXPECT_EQ(failure_of([&] { users_->create_role("Bad", "VM.GuestAgent.Audit"); }),  // recording 405
            "400 privs: invalid format - invalid privilege 'VM.GuestAgent.Audit'\n");
  EXPECT_EQ(failure_of([&] {
              users_->update_acl({"/", {"Nope"}, {"terra@pve"}});
            }),  // recording 408
            "500 ACL update failed: role 'Nope' does not exist");
  EXPECT_EQ(failure_of([&] {
              users_->update_acl({"/", {"PVEAdmin"}, {"none@pve"}});
            }),  // recording 410
            "500 ACL update failed: user 'none@pve' does not exist");
  EXPECT_NE(failure_of([&] { users_->update_acl({"/nope", {"PVEAdmin"}, {"terra@pve"}}); }), "");
  EXPECT_NE(failure_of([&] { users_->delete_role("PVEAdmin"); }), "");
  EXPECT_NE(failure_of([&] { users_->delete_user("root@pam"); }), "");
  EXPECT_EQ(failure_of([&] { users_->delete_user("none@pve"); }), "");  // recording 555
  EXPECT_NE(failure_of([&] { users_->set_password("x@ldap", Secret("12345678")); }), "");
  users_->create_role("Provisioner", "VM.Allocate VM.Audit,VM.Clone");
  users_->update_role("Provisioner", "SDN.Use", true);
  EXPECT_EQ(users_->read()->roles.at("Provisioner").size(), 4U);
}

TEST_F(AuthTest, ADeletedUserLeavesNothing) {
  make_terra();
  users_->update_acl({"/vms/101", {"PVEVMUser"}, {}, {}, {"terra@pve!ci"}});
  users_->delete_user("terra@pve");
  EXPECT_FALSE(contains(sys::read_file(folder_.path() / "user.cfg"), "terra"));
  EXPECT_EQ(sys::read_file(priv() / "token.cfg"), "");
  EXPECT_EQ(sys::read_file(priv() / "shadow.cfg"), "");
  users_->create_user("terra@pve", {}, std::nullopt);
  EXPECT_FALSE(users_->check_password("terra@pve", Secret("terraform1")));
}

TEST_F(AuthTest, EditsByHandAreSeen) {
  sys::write_durable(folder_.path() / "user.cfg",
                     "user:root@pam:0:0::::::\nuser:h@pve:1:0::::::\n\nacl:1:/:h@pve:PVEAuditor:\n");
  clock_.tick(std::chrono::milliseconds(200));
  EXPECT_TRUE(permissions_->has({"h@pve"}, "/vms/1", "VM.Audit"));
  EXPECT_TRUE(users_->is_active("root@pam"));
}

TEST_F(AuthTest, TheFirstStartTellsHlid) {
  const auto file = priv() / "client.json";
  ensure_client_file(*users_, file, "https://127.0.0.1:8006", "/x/ca.pem");
  const auto first = parse_json(sys::read_file(file));
  EXPECT_EQ(first.at("endpoint"), "https://127.0.0.1:8006");
  EXPECT_EQ(first.at("ca"), "/x/ca.pem");
  const auto who = authenticator_->check_token(std::string(first.at("token").as_string()));
  EXPECT_EQ(who, (Identity{"root@pam", "hlid"}));
  EXPECT_TRUE(permissions_->has(who, "/", "Sys.Modify"));
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  ensure_client_file(*users_, file, "https://127.0.0.1:9999", "/x/ca.pem");
  const auto second = parse_json(sys::read_file(file));
  EXPECT_EQ(second.at("token"), first.at("token"));
  EXPECT_EQ(second.at("endpoint"), "https://127.0.0.1:9999");
  sys::write_durable(file, "junk");
  ensure_client_file(*users_, file, "https://127.0.0.1:9999", "/x/ca.pem");
  EXPECT_NE(parse_json(sys::read_file(file)).at("token"), first.at("token"));
  EXPECT_NE(failure_of([&] { authenticator_->check_token(std::string(first.at("token").as_string())); }), "");
}

TEST(Ids, AreProxmoxs) {
  for (const auto* good : {"root@pam", "a@pve", "first.last@my-realm", "a@b@pve"})
    EXPECT_TRUE(is_user_id(good)) << good;
  for (const auto* bad : {"", "root", "@pam", "root@", "root@1x", "a b@pam", "a:b@pam", "a/b@pam", "x@p"})
    EXPECT_FALSE(is_user_id(bad)) << bad;
  EXPECT_TRUE(is_token_id("ci"));
  EXPECT_FALSE(is_token_id("1x"));
  for (const auto* good :
       {"/", "/vms", "/vms/100", "/nodes/asgard", "/storage/local-zfs", "/pool/a/b/c", "/access/groups/x",
        "/access/realm/pve", "/sdn/zones/localnetwork/vmbr0/10", "/mapping/pci/x"})
    EXPECT_TRUE(is_acl_path(good)) << good;
  for (const auto* bad : {"", "vms", "/vms/", "/vmsx", "/vms/100/x", "/foo", "/nodes//", "/storage/a b"})
    EXPECT_FALSE(is_acl_path(bad)) << bad;
}

}  // namespace
}  // namespace hlid::node::auth
