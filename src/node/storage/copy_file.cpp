#include "node/storage/copy_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "base/error.h"
#include "sys/unique_fd.h"

namespace hlid::node::storage {
namespace {

constexpr std::int64_t kPiece = 32LL << 20;
constexpr std::size_t kBuffer = 1U << 20;

/// One copy under way.
class Copy {
 public:
  Copy(const std::filesystem::path& from, const std::filesystem::path& to, const CopyProgress& progress,
       std::stop_token stop)
      : from_(::open(from.c_str(), O_RDONLY | O_CLOEXEC)), progress_(progress), stop_(std::move(stop)) {
    if (!from_) throw system_error("cannot open '" + from.string() + "'");
    struct stat info {};
    if (::fstat(from_.get(), &info) != 0) throw system_error("cannot read '" + from.string() + "'");
    size_ = info.st_size;
    to_.reset(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!to_) throw system_error("cannot create '" + to.string() + "'");
  }

  void run() {
    if (::ioctl(to_.get(), FICLONE, from_.get()) != 0) copy_data();
    report(size_, true);
  }

 private:
  void copy_data() {
    if (::ftruncate(to_.get(), size_) != 0) throw system_error("cannot size the copy");
    for (std::int64_t at = 0; at < size_;) {
      const auto data = ::lseek(from_.get(), at, SEEK_DATA);
      if (data < 0 && errno == ENXIO) return;  // a hole up to the end
      const auto begin = data < 0 ? at : data;
      const auto hole = ::lseek(from_.get(), begin, SEEK_HOLE);
      const auto end = hole < 0 ? size_ : std::min<std::int64_t>(hole, size_);
      copy_range(begin, end);
      at = end;
    }
  }

  void copy_range(std::int64_t at, std::int64_t end) {
    while (at < end) {
      if (stop_.stop_requested()) throw Error(Errc::interrupted, "received interrupt");
      const auto moved =
          in_kernel_ ? copy_in_kernel(at, std::min(end - at, kPiece)) : copy_by_hand(at, end - at);
      if (moved == 0) throw Error(Errc::io, "the source became shorter while it was copied");
      at += moved;
      report(at, false);
    }
  }

  std::int64_t copy_in_kernel(std::int64_t at, std::int64_t count) {
    off64_t source = at, target = at;
    const auto moved =
        ::copy_file_range(from_.get(), &source, to_.get(), &target, static_cast<std::size_t>(count), 0);
    if (moved >= 0) return moved;
    if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
      throw system_error("cannot copy");
    in_kernel_ = false;
    return copy_by_hand(at, count);
  }

  std::int64_t copy_by_hand(std::int64_t at, std::int64_t count) {
    if (!buffer_) buffer_ = std::make_unique<char[]>(kBuffer);
    const auto got = ::pread(from_.get(), buffer_.get(),
                             std::min<std::size_t>(kBuffer, static_cast<std::size_t>(count)), at);
    if (got < 0) throw system_error("cannot read the source");
    for (ssize_t done = 0; done < got;) {
      const auto put =
          ::pwrite(to_.get(), buffer_.get() + done, static_cast<std::size_t>(got - done), at + done);
      if (put < 0) throw system_error("cannot write the copy");
      done += put;
    }
    return got;
  }

  void report(std::int64_t done, bool last) {
    if (!progress_) return;
    const auto now = std::chrono::steady_clock::now();
    if (!last && now - reported_ < std::chrono::milliseconds(500)) return;
    reported_ = now;
    progress_({done}, {size_});
  }

  sys::UniqueFd from_;
  sys::UniqueFd to_;
  const CopyProgress& progress_;
  std::stop_token stop_;
  std::int64_t size_ = 0;
  bool in_kernel_ = true;
  std::unique_ptr<char[]> buffer_;
  std::chrono::steady_clock::time_point reported_ = std::chrono::steady_clock::now();
};

}  // namespace

void copy_sparse(const std::filesystem::path& from, const std::filesystem::path& to,
                 const CopyProgress& progress, std::stop_token stop) {
  Copy(from, to, progress, std::move(stop)).run();
}

}  // namespace hlid::node::storage
