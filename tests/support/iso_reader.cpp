#include "support/iso_reader.h"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace hlid::test {
namespace {

constexpr std::size_t kSector = 2048;

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
  }

  IsoDisc read() {
    bool found = false;
    for (std::size_t sector = 16;; ++sector) {
      const auto descriptor = part(sector * kSector, kSector);
      if (descriptor.substr(1, 5) != "CD001") throw std::runtime_error("not an ISO 9660 disc");
      const auto type = static_cast<unsigned char>(descriptor[0]);
      if (type == 255) break;
      if (type == 2) disc_.has_joliet = true;
      if (type != 1) continue;
      found = true;
      disc_.volume_id = descriptor.substr(40, 32);
      disc_.volume_id.erase(disc_.volume_id.find_last_not_of(' ') + 1);
      folder(number(16 * kSector + 156 + 2), number(16 * kSector + 156 + 10), "");
    }
    if (!found) throw std::runtime_error("no primary volume descriptor");
    return disc_;
  }

 private:
  std::string part(std::size_t at, std::size_t count) const {
    if (at + count > bytes_.size()) throw std::runtime_error("the disc is cut short");
    return bytes_.substr(at, count);
  }

  std::size_t number(std::size_t at) const {
    std::size_t value = 0;
    for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes_.at(at + i));
    return value;
  }

  /// The Rock Ridge name (NM entries) of the directory record at `at`.
  std::string name_of(std::size_t at, std::size_t length) const {
    const std::size_t id_length = static_cast<unsigned char>(bytes_.at(at + 32));
    std::size_t entry = at + 33 + id_length + (id_length % 2 == 0 ? 1 : 0);
    std::string name;
    while (entry + 4 <= at + length) {
      const std::size_t size = static_cast<unsigned char>(bytes_.at(entry + 2));
      if (size < 4) break;
      if (bytes_.compare(entry, 2, "NM") == 0 && size > 5) name += part(entry + 5, size - 5);
      entry += size;
    }
    return name;
  }

  void folder(std::size_t sector, std::size_t size, const std::string& path) {
    for (std::size_t at = sector * kSector, end = at + size; at < end;) {
      const std::size_t length = static_cast<unsigned char>(bytes_.at(at));
      if (length == 0) {  // records do not cross sectors
        at = (at / kSector + 1) * kSector;
        continue;
      }
      record(at, length, path);
      at += length;
    }
  }

  void record(std::size_t at, std::size_t length, const std::string& path) {
    const auto id = part(at + 33, 1);
    if (bytes_.at(at + 32) == 1 && (id[0] == '\0' || id[0] == '\1')) return;  // itself and its parent
    const auto name = path + name_of(at, length);
    if ((bytes_.at(at + 25) & 2) != 0) return folder(number(at + 2), number(at + 10), name + "/");
    disc_.files[name] += part(number(at + 2) * kSector, number(at + 10));  // more extents: appended
  }

  std::string bytes_;
  IsoDisc disc_;
};

}  // namespace

IsoDisc read_iso(const std::filesystem::path& path) {
  return Reader(path).read();
}

}  // namespace hlid::test
