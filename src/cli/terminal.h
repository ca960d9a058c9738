#pragma once
#include <string>

/// The user's side: where text goes and where answers come from.
namespace hlid::cli {

bool output_is_terminal();
bool input_is_terminal();
/// Colours: on a terminal, unless NO_COLOR is set or TERM is dumb.
bool wants_colour();
int terminal_width();

void print(const std::string& text);  ///< to standard output, as it is
void print_line(const std::string& text);
void print_error(const std::string& text);  ///< a line to standard error

/// Asks a person; false when there is none.
bool ask_yes(const std::string& question);
/// What was typed, "" when there is nobody.
std::string ask_text(const std::string& question);

/// "12 s", "3 min 05 s".
std::string elapsed_text(long long seconds);

}  // namespace hlid::cli
