#include "support/fake_rke2/reset.h"

#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/bootstrap.h"
#include "support/fake_rke2/containers.h"
#include "support/fake_rke2/datastore.h"
#include "support/fake_rke2/faults.h"
#include "support/fake_rke2/journal.h"
#include "sys/files.h"
#include "sys/process.h"

namespace hlid::fake_rke2 {
namespace {

/// A file as it is, or unpacked beside it.
fs::path plain_snapshot(const fs::path& given) {
  if (given.extension() != ".zip") return given;
  auto plain = given;
  plain.replace_extension();
  sys::PosixProcessRunner runner;
  const auto text = sys::run_checked(
      runner, {.argv = {"gzip", "-dc", "-S", ".zip", given.string()}, .output_limit = 1024U << 20});
  sys::write_durable(plain, text, 0600);
  return plain;
}

void refuse_what_cannot_be(const Config& config, const Datastore& datastore, const std::string& path) {
  if (config.text("server")) journal::fatal("cannot perform cluster-reset while server URL is set");
  if (fs::exists(config.layout().reset_flag()))
    journal::fatal(
        "Managed etcd cluster membership was previously reset, please remove the cluster-reset flag and "
        "start rke2 "
        "normally. If you need to perform another cluster reset, you must first manually delete the file at "
        "{}",
        config.layout().reset_flag().string());
  if (path.empty() && !datastore.exists())
    journal::fatal("cluster reset requested, but no etcd datastore was found at {}",
                   config.layout().etcd().string());
  if (!path.empty() && !fs::exists(path)) journal::fatal("etcd: snapshot path does not exist: {}", path);
}

}  // namespace

int reset_cluster(const Config& config) {
  Datastore datastore(config);
  const auto path = config.text("cluster-reset-restore-path", "");
  refuse_what_cannot_be(config, datastore, path);
  while (faults::has("restore_hang")) std::this_thread::sleep_for(std::chrono::seconds(1));
  issue_certificates(config);
  containers::stop("kube-apiserver");
  try {
    if (!path.empty()) {
      journal::info("Restoring etcd snapshot {}", path);
      datastore.restore(plain_snapshot(path));
    }
    datastore.force_new_cluster();
    auto etcd = datastore.local();
    const auto passwords = read_passwords(config.layout());
    settle_bootstrap_data(etcd, config.layout(), passwords.server);
    adopt_bootstrap_data(etcd, config.layout(), passwords.server);
    write_passwords(config.layout(), passwords);
    issue_certificates(config);
    // Members that the old cluster had are gone, whatever was noted for removal.
    for (const auto& word : etcd.prefix("/fake-removed-servers/")) etcd.erase(word.key);
  } catch (const Error& problem) {
    journal::fatal("etcd: {}", problem.message());
  }
  containers::stop("etcd");
  sys::write_durable(config.layout().reset_flag(), "", 0600);
  journal::info(
      "Managed etcd cluster membership has been reset, restart without --cluster-reset flag now. Backup and "
      "delete ${{datadir}}/server/db on each peer etcd server and rejoin the nodes");
  return 0;
}

}  // namespace hlid::fake_rke2
