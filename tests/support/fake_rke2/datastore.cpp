#include "support/fake_rke2/datastore.h"

#include <sys/stat.h>

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/containers.h"
#include "support/fake_rke2/faults.h"
#include "support/fake_rke2/journal.h"
#include "support/fake_rke2/pki.h"
#include "sys/files.h"
#include "sys/process.h"

namespace hlid::fake_rke2 {
namespace {

using namespace std::chrono_literals;

const std::string kContainer = "etcd";

std::string host_of(const std::string& url) {
  return parse_url(url).host;
}

void nap(std::chrono::milliseconds time) {
  std::this_thread::sleep_for(time);
}

/// Errors of `member add` that pass by themselves.
bool passes(const std::string& message) {
  return contains(message, "too many learner") || contains(message, "unhealthy cluster");
}

std::string pairs_of(const std::vector<Member>& members) {
  std::vector<std::string> out;
  for (const auto& member : members)
    for (const auto& url : member.peer_urls) out.push_back(member.name + "=" + url);
  return join(out, ",");
}

}  // namespace

std::string node_of_member(const std::string& member) {
  return member.substr(0, member.rfind('-'));
}

std::string members_json(const std::vector<Member>& members) {
  json::array list;
  for (const auto& member : members) {
    json::object item{{"ID", member.id}};
    if (!member.name.empty()) item["name"] = member.name;
    json::array peers;
    json::array clients;
    for (const auto& url : member.peer_urls) peers.emplace_back(url);
    for (const auto& url : member.client_urls) clients.emplace_back(url);
    item["peerURLs"] = std::move(peers);
    if (!clients.empty()) item["clientURLs"] = std::move(clients);
    if (member.learner) item["isLearner"] = true;
    list.push_back(std::move(item));
  }
  return to_text(json::object{{"members", std::move(list)}});
}

std::vector<Member> parse_members(const std::string& text) {
  std::vector<Member> out;
  const auto value = parse_json(text, "/db/info");
  const auto* list = value.as_object().if_contains("members");
  if (list == nullptr) return out;
  for (const auto& item : list->as_array()) {
    const auto& object = item.as_object();
    Member member{object.at("ID").to_number<std::uint64_t>(), get_string(object, "name").value_or("")};
    for (const auto& url : object.at("peerURLs").as_array()) member.peer_urls.emplace_back(url.as_string());
    if (const auto* urls = object.if_contains("clientURLs"))
      for (const auto& url : urls->as_array()) member.client_urls.emplace_back(url.as_string());
    member.learner = get_bool(object, "isLearner").value_or(false);
    out.push_back(std::move(member));
  }
  return out;
}

Datastore::Datastore(const Config& config)
    : config_(config), layout_(config.layout()), ip_(config.node_ip()) {}

bool Datastore::exists() const {
  return fs::exists(layout_.write_ahead_log());
}

std::string Datastore::peer_url() const {
  return "https://" + ip_ + ":2380";
}

void Datastore::load_name() {
  const auto file = layout_.etcd() / "name";
  sys::make_folder(layout_.etcd(), 0700);
  ::chmod(layout_.etcd().c_str(), 0700);
  if (const auto known = sys::read_file_if_exists(file)) {
    name_ = trim(*known);
    return;
  }
  name_ = config_.node_name() + "-" + random_hex(4);
  sys::write_durable(file, name_, 0600);
}

std::vector<std::string> Datastore::arguments() const {
  const auto tls = layout_.etcd_tls().string() + "/";
  std::vector<std::string> out{"/usr/bin/etcd",
                               "--name=" + name_,
                               "--data-dir=" + layout_.etcd().string(),
                               "--listen-client-urls=https://127.0.0.1:2379,https://" + ip_ + ":2379",
                               "--advertise-client-urls=https://" + ip_ + ":2379",
                               "--listen-peer-urls=https://127.0.0.1:2380,https://" + ip_ + ":2380",
                               "--initial-advertise-peer-urls=" + peer_url(),
                               "--listen-metrics-urls=http://127.0.0.1:2381",
                               "--client-cert-auth",
                               "--cert-file=" + tls + "server-client.crt",
                               "--key-file=" + tls + "server-client.key",
                               "--trusted-ca-file=" + tls + "server-ca.crt",
                               "--peer-client-cert-auth",
                               "--peer-cert-file=" + tls + "peer-server-client.crt",
                               "--peer-key-file=" + tls + "peer-server-client.key",
                               "--peer-trusted-ca-file=" + tls + "peer-ca.crt",
                               "--heartbeat-interval=500",
                               "--election-timeout=5000",
                               "--snapshot-count=10000",
                               "--experimental-initial-corrupt-check",
                               "--logger=zap",
                               "--log-outputs=stderr"};
  for (const auto& argument : config_.list("etcd-arg")) out.push_back("--" + argument);
  return out;
}

void Datastore::run(const std::vector<std::string>& more) {
  if (const int slow = faults::number("slow_disk", 0)) nap(std::chrono::seconds(slow));
  auto all = arguments();
  // What only counts for the first start is kept, so that a later start has the same command line and adopts
  // the process that runs.
  const auto file = layout_.etcd() / "first-start";
  if (!more.empty()) sys::write_durable(file, hlid::join(more, "\n"), 0600);
  for (const auto& argument : split_list(sys::read_file_if_exists(file).value_or(""), "\n"))
    all.push_back(argument);
  containers::ensure(layout_, kContainer, all);
  sys::make_folder(layout_.static_pods());
  sys::write_durable(layout_.static_pods() / "etcd.yaml",
                     "apiVersion: v1\nkind: Pod\nmetadata: {name: etcd, namespace: kube-system}\n",
                     config_.text("profile", "").starts_with("cis") ? 0600 : 0644);
}

void Datastore::start_new() {
  load_name();
  run({"--initial-cluster=" + name_ + "=" + peer_url(), "--initial-cluster-state=new"});
}

void Datastore::start_existing() {
  load_name();
  run({});
}

std::vector<Member> Datastore::members_through(Access& access) const {
  const auto listed = parse_members(access.get("/db/info"));
  for (const auto& member : listed) {
    if (member.learner || member.client_urls.empty()) continue;
    try {
      return Etcd(host_of(member.client_urls.front()), layout_.etcd_tls()).members();
    } catch (const Error&) {
      continue;  // the next one may answer
    }
  }
  throw Error(Errc::io, "no member of the etcd cluster answers");
}

void Datastore::join(Access& access) {
  load_name();
  for (bool told = false;; nap(1s)) {
    std::vector<Member> members;
    try {
      members = members_through(access);
    } catch (const Error& problem) {
      journal::error("Failed to get member list from cluster: {}. Will assume this member is already added",
                     problem.message());
      continue;
    }
    const auto mine = std::ranges::find_if(
        members, [&](const Member& member) { return std::ranges::count(member.peer_urls, peer_url()) > 0; });
    for (const auto& member : members)
      if (!member.name.empty() && member.name != name_ &&
          node_of_member(member.name) == config_.node_name()) {
        fs::remove(layout_.etcd() / "name");
        journal::fatal("ETCD join failed: duplicate node name found, please use a unique name for this node");
      }
    if (mine == members.end()) {
      members.push_back({0, name_, {peer_url()}});
      try {
        const auto first = std::ranges::find_if(
            members, [](const Member& member) { return !member.learner && !member.client_urls.empty(); });
        Etcd(host_of(first->client_urls.front()), layout_.etcd_tls()).add_learner(peer_url());
        journal::info("Adding member {}={} to etcd cluster [{}]", name_, peer_url(), pairs_of(members));
      } catch (const Error& problem) {
        if (!passes(problem.message()) && problem.code() == Errc::failed)
          journal::fatal("ETCD join failed: {}", problem.message());
        if (!std::exchange(told, true))
          journal::info("Waiting for other members to finish joining etcd cluster: {}", problem.message());
        continue;
      }
    } else {
      mine->name = name_;
    }
    // Learners that have not published their name yet cannot be in the list of names.
    std::erase_if(members, [](const Member& member) { return member.name.empty(); });
    faults::after_step("member-add");
    run({"--initial-cluster=" + pairs_of(members), "--initial-cluster-state=existing"});
    return;
  }
}

bool Datastore::removed() const {
  const auto log = sys::read_file_if_exists(containers::log_of(kContainer)).value_or("");
  const auto tail = log.size() > 8192 ? log.substr(log.size() - 8192) : log;
  return contains(tail, "permanently removed");
}

void Datastore::check_membership(Etcd& etcd) const {
  const auto members = etcd.members();
  for (const auto& member : members)
    if (std::ranges::count(member.peer_urls, peer_url()) > 0) return;
  journal::fatal("this server is a not a member of the etcd cluster. Found [{}], expect: {}={}",
                 pairs_of(members), name_, peer_url());
}

void Datastore::wait_until_voter() {
  for (int round = 0;; ++round, nap(500ms)) {
    if (!containers::running(kContainer)) {
      if (removed()) {
        journal::fatal("this server is a not a member of the etcd cluster. Found [], expect: {}={}", name_,
                       peer_url());
      }
      run({});
    }
    try {
      auto etcd = local(2s);
      const auto status = etcd.status();
      if (status.leader != 0) check_membership(etcd);
      if (status.leader != 0 && !status.learner && etcd.healthy()) return;
      if (round % 20 == 19)
        journal::info("{}", status.learner ? "Waiting for this member to be promoted from learner"
                                           : "Failed to test etcd connection: this server has no leader");
    } catch (const Error& problem) {
      if (round % 20 == 19) journal::info("Failed to test etcd connection: {}", problem.message());
    }
  }
}

void Datastore::watch() {
  if (containers::running(kContainer)) return;
  if (removed())
    journal::fatal("this server is a not a member of the etcd cluster. Found [], expect: {}={}", name_,
                   peer_url());
  run({});
}

Etcd Datastore::local(std::chrono::milliseconds timeout) const {
  return Etcd("127.0.0.1", layout_.etcd_tls(), timeout);
}

void Datastore::restore(const fs::path& snapshot) {
  containers::stop(kContainer);
  const auto old = layout_.etcd().string() + "-old-" + std::to_string(journal::unix_now());
  const auto fresh = layout_.etcd().string() + "-restored";
  fs::remove_all(fresh);
  if (fs::exists(layout_.etcd())) {
    fs::rename(layout_.etcd(), old);
    journal::info("Pre-restore etcd database moved to {}", old);
  }
  fs::remove_all(layout_.etcd());
  load_name();
  const auto name = sys::read_file(layout_.etcd() / "name");
  sys::PosixProcessRunner runner;
  sys::run_checked(runner, {.argv = {"etcdctl", "snapshot", "restore", snapshot.string(), "--name", name_,
                                     "--data-dir", fresh, "--initial-cluster", name_ + "=" + peer_url(),
                                     "--initial-advertise-peer-urls", peer_url()},
                            .env = {{"ETCDCTL_API", "3"}}});
  fs::remove_all(layout_.etcd());
  fs::rename(fresh, layout_.etcd());
  ::chmod(layout_.etcd().c_str(), 0700);
  sys::write_durable(layout_.etcd() / "name", name, 0600);
}

void Datastore::force_new_cluster() {
  load_name();
  containers::stop(kContainer);
  fs::remove(layout_.etcd() / "first-start");
  auto all = arguments();
  all.emplace_back("--force-new-cluster");
  containers::ensure(layout_, kContainer, all);
  wait_until_voter();
}

}  // namespace hlid::fake_rke2
