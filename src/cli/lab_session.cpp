#include "cli/lab_session.h"

#include <unistd.h>

#include <thread>

#include "apply/journal.h"
#include "base/text.h"
#include "cli/terminal.h"
#include "drive/cluster_goal.h"
#include "drive/cluster_observer.h"
#include "drive/host_facts.h"
#include "drive/observer.h"
#include "pve/nodes.h"
#include "sys/home.h"

namespace hlid::cli {
namespace {

constexpr std::size_t kTailBytes = 16384;

Bytes memory_of_this_machine() {
  return {static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE)};
}

/// Guests of a server are emulated when its processor has no hardware virtualization. A token that may not
/// ask gets the patience for real ones.
bool server_emulates(const pve::Session& session, const std::vector<std::string>& nodes) {
  for (const auto& node : nodes) {
    try {
      if (!pve::node_status(session, node).hardware_virtualization) return true;
    } catch (const Error& error) {
      if (error.code() != Errc::denied) throw;
    }
  }
  return false;
}

}  // namespace

LabSession::LabSession(model::Homelab lab)
    : lab_(std::move(lab)),
      home_(sys::hlid_home()),
      secrets_(processes_),
      image_(lab_, processes_, drive::template_cache(home_)),
      host_keys_(drive::lab_folder(home_, lab_.name).known_hosts()),
      discs_(lab_, drive::disc_scratch(home_)) {
  if (lab_.proxmox.embedded()) node_.emplace(home_, lab_.proxmox.nodes.front(), clock_);
  leave_out_unset_password();
}

/// The reader of the file has warned of it.
void LabSession::leave_out_unset_password() {
  auto& reference = lab_.access.console_password;
  if (reference.text.starts_with("env:") && !secrets_.find(reference)) reference = {};
}

bool LabSession::is_new_node() const {
  return node_ && !std::filesystem::exists(node_->folder().client_file());
}

void LabSession::connect(std::stop_token stop) {
  if (connection_) return;
  if (!node_) {
    connection_.emplace(drive::Connection::to_server(lab_.proxmox, secrets_, clock_));
    return;
  }
  if (node_->start(stop)) {
    const auto acceleration = drive::acceleration_of_this_machine();
    print_error("started the embedded node '" + node_->name() + "'" +
                (acceleration.kvm ? "" : "; machines are emulated and slow: " + acceleration.reason));
  }
  connection_.emplace(drive::Connection::to_node(*node_, clock_, stop));
}

pve::Session LabSession::session(std::stop_token stop) {
  connect(stop);
  return connection_->session().with(std::move(stop));
}

bool LabSession::emulated() {
  if (!emulated_)
    emulated_ =
        node_ ? !drive::acceleration_of_this_machine().kvm : server_emulates(session(), lab_.proxmox.nodes);
  return *emulated_;
}

model::Observed LabSession::new_node() const {
  model::ObservedNode node;
  node.name = node_->name();
  node.online = true;
  node.cpus = static_cast<int>(std::thread::hardware_concurrency());
  node.memory_total = node.memory_free = memory_of_this_machine();
  node.storages.push_back({"local",
                           "dir",
                           {"images", "rootdir", "iso", "vztmpl", "backup", "snippets", "import"},
                           true,
                           false,
                           {},
                           {}});
  model::Observed there;
  there.embedded = true;
  there.nodes.push_back(std::move(node));
  return there;
}

model::Observed LabSession::observe(std::stop_token stop) {
  if (is_new_node() && !connection_) return new_node();
  auto there = drive::PveObserver(lab_, session(stop)).observe(stop);
  if (!lab_.cluster) return there;
  auto seen = drive::look_into_cluster(lab_, there, session(stop), discs_, emulated());
  there.cluster = std::move(seen.cluster);
  former_ = std::move(seen.former);
  return there;
}

cluster::ReleaseAccess LabSession::releases(std::stop_token stop,
                                            std::function<void(const cluster::FetchProgress&)> progress) {
  return {.cache = drive::release_cache(home_),
          .http = internet_,
          .runner = processes_,
          .clock = clock_,
          .progress = std::move(progress),
          .stop = std::move(stop)};
}

std::unique_ptr<drive::PveStepRunner> LabSession::step_runner() {
  drive::Workbench bench{lab_, session(), image_, secrets_, host_keys_, emulated(), {}, {}};
  bench.discs = &discs_;
  bench.former = former_;
  bench.snapshots = drive::lab_folder(home_, lab_.name).snapshots();
  bench.releases = [this](std::stop_token stop, std::function<void(const cluster::FetchProgress&)> progress) {
    return releases(std::move(stop), std::move(progress));
  };
  if (node_) {
    bench.node_storages = node_->folder().root / "storage";
    bench.console_tail = [this](Vmid vmid) { return console_tail(vmid); };
  }
  return std::make_unique<drive::PveStepRunner>(std::move(bench));
}

std::string LabSession::console_tail(Vmid vmid) const {
  if (!node_) return {};
  auto text = sys::read_file_if_exists(node_->folder().serial_log(vmid.value)).value_or("");
  if (text.size() > kTailBytes) text.erase(0, text.size() - kTailBytes);
  return text;
}

std::set<std::string> LabSession::unfinished() const {
  const auto text = sys::read_file_if_exists(folder() / "journal.jsonl");
  return text ? apply::unfinished_in(*text).steps : std::set<std::string>();
}

plan::Options LabSession::plan_options(const model::Observed& there, bool reach, std::stop_token stop) {
  plan::Options options;
  options.template_key = image_.key();
  options.unfinished = unfinished();
  if (lab_.cluster)
    options.cluster = drive::cluster_goal(lab_, there.cluster, releases(std::move(stop)), reach);
  return options;
}

}  // namespace hlid::cli
