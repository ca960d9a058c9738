#include "node/auth/authenticator.h"

#include <boost/json.hpp>

#include "base/text.h"
#include "sys/files.h"
#include "wire/api_error.h"

namespace hlid::node::auth {
namespace {

constexpr std::string_view kTicketStart = "PVE:";

struct ParsedToken {
  Identity identity;
  Secret secret;
};

std::optional<ParsedToken> parse_token(const std::string& text) {
  const auto mark = text.find_first_of("= ");
  const auto bang = text.find('!');
  if (mark == std::string::npos || bang == std::string::npos || bang > mark) return std::nullopt;
  ParsedToken parsed{{text.substr(0, bang), text.substr(bang + 1, mark - bang - 1)},
                     Secret(text.substr(mark + 1))};
  if (!is_user_id(parsed.identity.user) || !is_token_id(parsed.identity.token)) return std::nullopt;
  return parsed;
}

[[noreturn]] void refuse() {
  throw wire::ApiError(401, "Authentication failed!");
}
[[noreturn]] void refuse_login() {
  throw wire::ApiError(401, "authentication failure");
}

}  // namespace

Identity Authenticator::check_token(const std::string& text) const {
  const auto parsed = parse_token(text);
  if (!parsed || !users_.check_token(parsed->identity, parsed->secret)) refuse();
  return parsed->identity;
}

Identity Authenticator::check_ticket(const std::string& ticket) const {
  const auto user = tickets_.check(ticket, clock_.unix_seconds());
  if (!user || !users_.is_active(*user)) refuse();
  return {*user};
}

void Authenticator::check_csrf(const Identity& who, const std::string& token) const {
  if (!tickets_.check_csrf(token, who.user, clock_.unix_seconds()))
    throw wire::ApiError(401, "Permission denied - invalid csrf token");
}

void Authenticator::check_login(const std::string& user, const Secret& password) const {
  if (!is_user_id(user) || !users_.is_active(user)) refuse_login();
  if (password.reveal().rfind(kTicketStart, 0) == 0) {
    const auto owner = tickets_.check(password.reveal(), clock_.unix_seconds());
    if (owner && (*owner == user || *owner == "root@pam")) return;
  }
  if (!users_.check_password(user, password)) refuse_login();
}

Login Authenticator::login(const std::string& user, const Secret& password) const {
  check_login(user, password);
  const auto now = clock_.unix_seconds();
  return {user, tickets_.sign(user, now), tickets_.csrf_token(user, now), permissions_.capabilities({user})};
}

void Authenticator::verify(const std::string& user, const Secret& password, const std::string& path,
                           const std::vector<std::string>& privileges) const {
  check_login(user, password);
  for (const auto& privilege : privileges)
    if (!permissions_.has({user}, path, privilege)) refuse_login();
}

void ensure_client_file(Users& users, const std::filesystem::path& file, const std::string& endpoint,
                        const std::filesystem::path& authority) {
  constexpr std::string_view kUser = "root@pam", kToken = "hlid";
  std::string token;
  if (const auto text = sys::read_file_if_exists(file)) {
    try {
      token = get_string(parse_json(*text).as_object(), "token").value_or("");
    } catch (const std::exception&) {
      token.clear();  // not readable: a new one is made
    }
  }
  const auto parsed = parse_token(token);
  if (!parsed || !users.check_token(parsed->identity, parsed->secret)) {
    const std::string user(kUser), name(kToken);
    if (users.user(user).tokens.count(name) != 0) users.delete_token(user, name);
    TokenChange fields;
    fields.privsep = false;
    fields.comment = "the hlid command on this machine";
    token = fmt::format("{}!{}={}", kUser, kToken, users.create_token(user, name, fields).reveal());
  }
  const json::object content{{"endpoint", endpoint}, {"token", token}, {"ca", authority.string()}};
  sys::write_durable(file, to_pretty_text(content), 0600);
}

}  // namespace hlid::node::auth
