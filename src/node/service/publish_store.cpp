#include "node/service/publish_store.h"

#include "base/error.h"
#include "base/text.h"
#include "node/config/section_file.h"
#include "sys/files.h"

namespace hlid::node::service {
namespace {

constexpr std::string_view kType = "tcp";

void check(const std::vector<forward::Rule>& rules) {
  for (auto rule = rules.begin(); rule != rules.end(); ++rule)
    for (auto other = rules.begin(); other != rule; ++other) {
      if (!forward::collide(rule->listen, other->listen)) continue;
      if (rule->lab == other->lab)
        throw Error(Errc::conflict, "{} and {} are the same port", to_string(other->listen),
                    to_string(rule->listen));
      throw Error(Errc::conflict, "port {} of {} is published by {}", rule->listen.port,
                  to_string(other->listen.address),
                  other->lab.empty() ? std::string("somebody else") : "lab '" + other->lab + "'")
          .with_hint("publish another port, or remove it from the other lab's file and run 'hlid up' there");
    }
}

}  // namespace

std::vector<forward::Rule> parse_publish(std::string_view text) {
  std::vector<forward::Rule> rules;
  for (const auto& section : config::parse_section_file(text).sections) {
    const auto listen = forward::parse_endpoint(section.id);
    const auto* to = section.find("to");
    const auto* lab = section.find("lab");
    if (section.type != kType || !listen || to == nullptr) continue;
    forward::Rule rule{.listen = *listen, .to = {}, .lab = lab == nullptr ? "" : *lab};
    for (const auto& item : split_list(*to, ",; "))
      if (const auto endpoint = forward::parse_endpoint(item)) rule.to.push_back(*endpoint);
    if (!rule.to.empty()) rules.push_back(std::move(rule));
  }
  return rules;
}

std::string print_publish(const std::vector<forward::Rule>& rules) {
  config::SectionFile file;
  for (const auto& rule : rules) {
    std::vector<std::string> to;
    for (const auto& endpoint : rule.to) to.push_back(to_string(endpoint));
    config::SectionEntry section{std::string(kType), to_string(rule.listen), {{"to", join(to, ",")}}};
    if (!rule.lab.empty()) section.set("lab", rule.lab);
    file.sections.push_back(std::move(section));
  }
  return config::print_section_file(file);
}

PublishStore::PublishStore(std::filesystem::path file) : file_(std::move(file)) {}

std::vector<forward::Rule> PublishStore::rules() const {
  return parse_publish(sys::read_file_if_exists(file_).value_or(""));
}

void PublishStore::replace(const std::string& lab, std::vector<forward::Rule> rules,
                           const std::function<void(const std::vector<forward::Rule>&)>& make_so) {
  const std::scoped_lock lock(mutex_);
  auto all = this->rules();
  std::erase_if(all, [&](const forward::Rule& rule) { return rule.lab == lab; });
  for (auto& rule : rules) {
    rule.lab = lab;
    all.push_back(std::move(rule));
  }
  check(all);
  make_so(all);
  sys::write_durable(file_, print_publish(all));
}

}  // namespace hlid::node::service
