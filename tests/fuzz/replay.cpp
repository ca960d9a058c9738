// Puts every file of the corpus folders, and what is left of each when it is cut short, through one fuzz
// target.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "law.h"

namespace {

void put(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

int replay(const char* folder) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    std::printf("%s\n", entry.path().filename().c_str());
    put(bytes);
    for (std::size_t part = 1; part < 8; ++part) put(bytes.substr(0, bytes.size() * part / 8));
    ++files;
  }
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  int files = 0;
  put("");
  for (int folder = 1; folder < argc; ++folder) files += replay(argv[folder]);
  std::printf("%d files\n", files);
  return files > 0 ? 0 : 1;  // an empty corpus proves nothing
}
