#include "node/http/gzip.h"

#include <zlib.h>

#include "base/error.h"

namespace hlid::node::http {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib's way to ask for a gzip header

class Deflater {
 public:
  Deflater() {
    if (::deflateInit2(&stream_, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
      throw Error(Errc::failed, "zlib cannot start");
    }
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater() { ::deflateEnd(&stream_); }

  std::string all(std::string_view bytes) {
    std::string out(::deflateBound(&stream_, bytes.size()), '\0');
    std::string in(bytes);  // zlib's interface has no const
    stream_.next_in = reinterpret_cast<Bytef*>(in.data());
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    if (::deflate(&stream_, Z_FINISH) != Z_STREAM_END) throw Error(Errc::failed, "zlib cannot compress");
    out.resize(stream_.total_out);
    return out;
  }

 private:
  z_stream stream_ = {};
};

}  // namespace

std::string gzip(std::string_view bytes) {
  return Deflater().all(bytes);
}

}  // namespace hlid::node::http
