#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>

#include <fmt/format.h>

#include "base/text.h"

namespace hlid::cli {

bool output_is_terminal() {
  return ::isatty(STDOUT_FILENO) == 1;
}
bool input_is_terminal() {
  return ::isatty(STDIN_FILENO) == 1;
}

bool wants_colour() {
  const char* term = std::getenv("TERM");
  return output_is_terminal() && std::getenv("NO_COLOR") == nullptr && term != nullptr &&
         std::string_view(term) != "dumb";
}

int terminal_width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void print_line(const std::string& text) {
  print(text + "\n");
}

void print_error(const std::string& text) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s\n", text.c_str());
}

std::string ask_text(const std::string& question) {
  if (!input_is_terminal()) return {};
  std::fprintf(stderr, "%s ", question.c_str());
  std::string answer;
  std::getline(std::cin, answer);
  return std::string(trim(answer));
}

bool ask_yes(const std::string& question) {
  const auto answer = to_lower(ask_text(question + " [y/N]"));
  return answer == "y" || answer == "yes";
}

std::string elapsed_text(long long seconds) {
  if (seconds < 60) return fmt::format("{} s", seconds);
  return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
}

}  // namespace hlid::cli
