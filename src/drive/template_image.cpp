#include "drive/template_image.h"

namespace hlid::drive {

TemplateImage::TemplateImage(const model::Homelab& lab, sys::ProcessRunner& runner,
                             const std::filesystem::path& cache)
    : request_{lab.image, lab.access}, builder_(runner, cache) {}

std::string TemplateImage::key() const {
  const std::lock_guard lock(mutex_);
  if (!key_) key_ = templates::content_key(request_);
  return *key_;
}

std::filesystem::path TemplateImage::image(const std::function<void(const std::string&)>& progress,
                                           std::stop_token stop) {
  return builder_.build(request_, progress, stop).disk;
}

}  // namespace hlid::drive
