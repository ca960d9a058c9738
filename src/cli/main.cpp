#include "cli/command.h"

int main(int argc, char** argv) {
  return hlid::cli::run(argc, argv);
}
