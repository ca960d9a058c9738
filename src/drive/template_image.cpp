#include "drive/template_image.h"

#include "base/error.h"
#include "drive/folders.h"
#include "sys/hash.h"

namespace hlid::drive {

TemplateImage::TemplateImage(const model::Homelab& lab, sys::ProcessRunner& runner,
                             const std::filesystem::path& cache)
    : request_{lab.image, lab.access}, builder_(runner, cache) {}

std::string TemplateImage::key() const {
  const std::lock_guard lock(mutex_);
  if (!key_) {
    const auto& file = request_.image.image_file;
    key_ = file.empty() ? templates::content_key(request_) : sys::sha256_file(file);
  }
  return *key_;
}

std::filesystem::path TemplateImage::image(const std::function<void(const std::string&)>& progress,
                                           std::stop_token stop) {
  const auto& file = request_.image.image_file;
  if (file.empty()) return builder_.build(request_, progress, stop).disk;
  if (!std::filesystem::exists(file))
    throw Error(Errc::not_found, "the image '{}' of the template does not exist", file);
  return file;
}

}  // namespace hlid::drive
