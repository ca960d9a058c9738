#include "guest/word.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hlid::guest {

std::string wait_for_word(const char* fifo) {
  ::unlink(fifo);
  if (::mkfifo(fifo, 0600) != 0) return {};
  std::string word(4096, '\0');  // PIPE_BUF: what is written at once comes at once (pipe(7))
  const int in =
      ::open(fifo, O_RDWR | O_CLOEXEC);  // for writing too: there is no end before anybody has come
  const auto got = in < 0 ? -1 : ::read(in, word.data(), word.size());
  word.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  if (in >= 0) ::close(in);
  ::unlink(fifo);
  return word;
}

}  // namespace hlid::guest
