#include "node/service/verb.h"

#include <utility>

namespace hlid::node::service {

Answer Answer::ready(std::shared_ptr<const std::string> text) {
  Answer answer;
  answer.text = std::move(text);
  return answer;
}

Rule for_world() {
  return {Rule::Who::world};
}
Rule for_users() {
  return {Rule::Who::user};
}
Rule for_root() {
  return {Rule::Who::root};
}

Rule all_of(std::string_view path, std::vector<std::string_view> privileges) {
  return {Rule::Who::privileges, path, std::move(privileges), false};
}

Rule any_of(std::string_view path, std::vector<std::string_view> privileges) {
  return {Rule::Who::privileges, path, std::move(privileges), true};
}

Rule by_check(void (*check)(const Parts&, const Call&), std::string_view text) {
  Rule rule{Rule::Who::handler};
  rule.check = check;
  rule.text = text;
  return rule;
}

}  // namespace hlid::node::service
