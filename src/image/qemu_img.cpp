#include "image/qemu_img.h"

#include "base/error.h"
#include "base/json.h"

namespace hlid::image {
namespace {

std::string text_of(Bytes bytes) {
  return std::to_string(bytes.count);
}

Bytes bytes_at(const json::object& object, std::string_view key) {
  const auto value = get_integer(object, key);
  if (!value) throw Error(Errc::protocol, "qemu-img did not tell the '{}' of the image", key);
  return {*value};
}

}  // namespace

ImageInfo QemuImg::info(const std::filesystem::path& image) const {
  const auto output =
      sys::run_checked(runner_, {.argv = {"qemu-img", "info", "-U", "--output=json", image.string()}});
  const auto parsed = parse_json(output, "the answer of qemu-img");
  if (!parsed.is_object()) throw Error(Errc::protocol, "the answer of qemu-img is not an object");
  const auto& object = parsed.get_object();
  return {.format = get_string(object, "format").value_or(""),
          .virtual_size = bytes_at(object, "virtual-size"),
          .actual_size = bytes_at(object, "actual-size"),
          .backing_file = get_string(object, "full-backing-filename").value_or("")};
}

void QemuImg::create(const std::filesystem::path& image, const std::string& format, Bytes size) const {
  sys::run_checked(runner_,
                   {.argv = {"qemu-img", "create", "-q", "-f", format, image.string(), text_of(size)}});
}

void QemuImg::create_overlay(const std::filesystem::path& image, const std::filesystem::path& base,
                             const std::string& base_format, std::optional<Bytes> size) const {
  sys::Command command{.argv = {"qemu-img", "create", "-q", "-f", "qcow2", "-b", base.string(), "-F",
                                base_format, image.string()}};
  if (size) command.argv.push_back(text_of(*size));
  sys::run_checked(runner_, command);
}

void QemuImg::convert(const std::filesystem::path& from, const std::string& from_format,
                      const std::filesystem::path& to, const std::string& to_format,
                      std::stop_token stop) const {
  sys::run_checked(runner_,
                   {.argv = {"qemu-img", "convert", "-q", "-U", "-f", from_format, "-O", to_format,
                             from.string(), to.string()}},
                   stop);
}

void QemuImg::resize(const std::filesystem::path& image, const std::string& format, Bytes size) const {
  sys::run_checked(runner_,
                   {.argv = {"qemu-img", "resize", "-q", "-f", format, image.string(), text_of(size)}});
}

bool QemuImg::equal(const std::filesystem::path& one, const std::string& one_format,
                    const std::filesystem::path& other, const std::string& other_format,
                    std::stop_token stop) const {
  const sys::Command command{.argv = {"qemu-img", "compare", "-q", "-U", "-f", one_format, "-F", other_format,
                                      one.string(), other.string()}};
  const auto result = runner_.run(command, stop);
  // qemu-img(1): 0 the same, 1 different, above that an error.
  if (result.ending == sys::Ending::exited && result.status <= 1) return result.status == 0;
  throw Error(result.ending == sys::Ending::cancelled ? Errc::interrupted : Errc::failed,
              "cannot compare '{}' with '{}': {}", one.string(), other.string(), result.describe());
}

}  // namespace hlid::image
