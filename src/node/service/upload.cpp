#include "node/service/upload.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "image/qemu_img.h"
#include "node/service/callers.h"
#include "node/storage/storages.h"
#include "node/task/tasks.h"
#include "sys/hash.h"
#include "sys/process.h"
#include "wire/api_error.h"

namespace hlid::node::service {
namespace {

namespace fs = std::filesystem;

/// A file that is removed unless somebody moved it away.
class SpooledFile {
 public:
  explicit SpooledFile(fs::path path) : path_(std::move(path)) {}
  SpooledFile(const SpooledFile&) = delete;
  SpooledFile& operator=(const SpooledFile&) = delete;
  ~SpooledFile() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

struct Job {
  std::string node;
  storage::StoragePtr storage;
  std::string kind;
  std::string name;
  std::string algorithm;
  std::string checksum;
  std::shared_ptr<SpooledFile> file;
  sys::ProcessRunner* processes = nullptr;
};

void check_digest(const Job& job, task::TaskContext& task) {
  if (job.algorithm.empty()) return;
  const std::string got = sys::digest_file(job.file->path(), job.algorithm);
  if (got != job.checksum) {
    task.log("calculating checksum...");
    throw wire::failure(fmt::format("checksum mismatch: got '{}' != expect '{}'", got, job.checksum));
  }
  task.log("calculating checksum...OK, checksum verified");
}

/// A disk image must be what its name says, and stand alone: a backing file would open any file of the node.
void check_image(const Job& job, task::TaskContext& task) {
  if (job.kind != "import") return;
  const std::string format = fs::path(job.name).extension().string().substr(1);
  if (format != "qcow2" && format != "raw" && format != "vmdk") return;
  sys::Command command{{"qemu-img", "info", "--output=json", "-f", format, job.file->path().string()}};
  const sys::ProcessResult result = job.processes->run(command, task.stop_token());
  if (!result.ok()) {
    task.log(fmt::format("command 'qemu-img info --output=json {} -f {}' failed: exit code {}",
                         job.file->path().string(), format, result.status));
    throw wire::failure(result.error_output.substr(0, result.error_output.find('\n')));
  }
  const auto info = parse_json(result.output, "qemu-img info");
  if (info.as_object().contains("backing-filename")) {
    throw wire::failure(fmt::format("image '{}' has a backing file, which is not allowed", job.name));
  }
}

void run(const Job& job, task::TaskContext& task) {
  const fs::path target =
      job.storage->path_of({job.storage->id(), (job.kind == "iso" ? "iso/" : job.kind + "/") + job.name});
  task.log(fmt::format("starting file import from: {}", job.file->path().string()));
  check_digest(job, task);
  check_image(job, task);
  task.log(fmt::format("target node: {}", job.node));
  task.log(fmt::format("target file: {}", target.string()));
  task.log(fmt::format("file size is: {}", fs::file_size(job.file->path())));
  task.log(fmt::format("command: cp -- {} {}", job.file->path().string(), target.string()));
  job.storage->store_file(job.kind, job.name, job.file->path());
  task.log("finished file import successfully");
}

}  // namespace

Answer upload(Parts& parts, Call& call) {
  if (!call.upload) throw wire::parameter_error("filename", "property is missing and it is not optional");
  auto file = std::make_shared<SpooledFile>(call.upload->path);
  const std::string kind = call.params.get_or("content", "");
  Job job{parts.node,
          parts.storages.find_holding(call.params.get_or("storage", ""), kind),
          kind,
          storage::upload_name(kind, call.params.get_or("filename", "")),
          call.params.get_or("checksum-algorithm", ""),
          call.params.get_or("checksum", ""),
          std::move(file),
          &parts.processes};
  return to_string(parts.tasks.start("imgcopy", "", user_of(call.who),
                                     [job](task::TaskContext& task) { run(job, task); }));
}

}  // namespace hlid::node::service
