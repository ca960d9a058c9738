#pragma once
#include <mutex>
#include <optional>

#include "drive/image_source.h"
#include "model/homelab.h"
#include "template/builder.h"

namespace hlid::drive {

/// The file's template, from the builder or its cache.
class TemplateImage : public ImageSource {
 public:
  TemplateImage(const model::Homelab& lab, sys::ProcessRunner& runner, const std::filesystem::path& cache);

  std::string key() const override;
  std::filesystem::path image(const std::function<void(const std::string&)>& progress,
                              std::stop_token stop) override;
  templates::Builder& builder() { return builder_; }

 private:
  templates::BuildRequest request_;
  templates::Builder builder_;
  mutable std::mutex mutex_;  ///< guards key_: hashing a ready image takes a moment, so it is done once
  mutable std::optional<std::string> key_;
};

}  // namespace hlid::drive
