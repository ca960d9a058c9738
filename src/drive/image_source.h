#pragma once
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

namespace hlid::drive {

/// Where the template's disk image comes from. Thread-safe.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  /// Names the content: the same description, the same key.
  virtual std::string key() const = 0;
  /// The image file, made if need be; the second call is quick.
  virtual std::filesystem::path image(const std::function<void(const std::string& phase)>& progress,
                                      std::stop_token stop) = 0;
};

}  // namespace hlid::drive
