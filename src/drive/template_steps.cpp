#include <algorithm>

#include "base/text.h"
#include "base/units.h"
#include "drive/machine_config.h"
#include "drive/ownership.h"
#include "drive/step_scope.h"
#include "pve/storage.h"

/// image file → upload (content "import") → machine with the imported disk → template; the upload is removed
/// once it has become a disk.
namespace hlid::drive {
namespace {

constexpr std::size_t kKeyLetters = 16;

std::string upload_name(const Workbench& bench) {
  return "hlid-" + bench.image.key().substr(0, kKeyLetters) + bench.lab.name + ".qcow2";
}

wire::VolumeId upload_volume(const Workbench& bench) {
  return {bench.lab.proxmox.iso_storage, "import/" + upload_name(bench)};
}

std::filesystem::path image_of(const StepScope& scope) {
  return scope.bench.image.image([&](const std::string& phase) { scope.context.phase(phase); },
                                 scope.session.stop());
}

void check_takes_imports(const StepScope& scope) {
  const auto& id = scope.bench.lab.proxmox.iso_storage;
  for (const auto& storage : pve::storages(scope.session, scope.step.node)) {
    if (storage.id != id) continue;
    const auto& content = storage.content;
    if (std::find(content.begin(), content.end(), "import") != content.end()) return;
    throw Error(Errc::precondition, "storage '{}' does not take disk images (content 'import')", id)
        .with_hint(fmt::format("pvesm set {} --content {},import", id, join(content, ",")));
  }
  throw Error(Errc::precondition, "storage '{}' does not exist on {}", id, scope.step.node)
      .with_hint("name another one in the file (proxmox.iso_storage)");
}

bool is_uploaded(const StepScope& scope) {
  const auto wanted = upload_volume(scope.bench);
  const auto there = pve::volumes(scope.session, scope.step.node, wanted.storage, "import");
  return std::any_of(there.begin(), there.end(), [&](const auto& volume) { return volume.id == wanted; });
}

void drop_upload(const StepScope& scope) {
  if (is_uploaded(scope)) pve::remove_volume(scope.session, scope.step.node, upload_volume(scope.bench));
}

void upload_image(const StepScope& scope) {
  check_takes_imports(scope);
  pve::UploadRequest request;
  request.node = scope.step.node;
  request.storage = scope.bench.lab.proxmox.iso_storage;
  request.content = "import";
  request.file = image_of(scope);
  request.file_name = upload_name(scope.bench);
  request.on_progress = [&](std::int64_t sent, std::int64_t total) {
    if (total > 0) scope.context.phase(fmt::format("uploading {} %", sent * 100 / total));
  };
  pve::upload(scope.session, request);
}

/// True when the machine is there, whole, and made from this image.
bool is_whole(const Found& found, const std::string& key) {
  return found.claim == Claim::ours && found.lock().empty() && template_key_of(found.config) == key &&
         !boot_disk_of(found.config).empty();
}

void make_machine(const StepScope& scope, const std::string& key) {
  if (!is_uploaded(scope)) upload_image(scope);
  scope.context.phase("importing the disk");
  const auto form = template_form(scope.bench.lab, key, to_string(upload_volume(scope.bench)));
  pve::create_vm(scope.session, scope.vm(), form, scope.copy_progress());
}

}  // namespace

void build_template(const StepScope& scope) {
  image_of(scope);
}

void upload_template(const StepScope& scope) {
  upload_image(scope);
}

void create_template(const StepScope& scope) {
  const auto key = scope.bench.image.key();
  const auto& name = scope.bench.lab.image.name;
  const auto found = look_at(scope.session, scope.bench.lab.name, name, scope.vm());
  if (found.claim == Claim::foreign || found.claim == Claim::half_made)
    throw foreign_machine(found, scope.bench.lab.name, name, scope.vm());
  if (!is_whole(found, key)) {
    if (found.claim == Claim::ours) pve::remove_vm(scope.session, scope.vm());
    make_machine(scope, key);
  }
  if (!found.is_template() || !is_whole(found, key)) {
    scope.context.phase("making it a template");
    pve::make_template(scope.session, scope.vm());
  }
  drop_upload(scope);
}

void destroy_template(const StepScope& scope) {
  const auto& name = scope.step.subject;
  const auto found = look_at(scope.session, scope.bench.lab.name, name, scope.vm());
  if (found.claim == Claim::absent) return;
  if (found.claim != Claim::ours) throw foreign_machine(found, scope.bench.lab.name, name, scope.vm());
  pve::remove_vm(scope.session, scope.vm());
}

}  // namespace hlid::drive
